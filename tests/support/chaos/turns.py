"""Lanes in which one thing happens at a time, in an order that a seed chooses: what threads may do, and the same every time.

A step that changes the world may run in a thread of its own, so that it can stand still half-way while others go on; one
that only looks has no half-way and runs in the loop's thread.
"""

from collections.abc import Callable, Iterator
from random import Random
from threading import Lock, Thread
from typing import Final

from lifecycle.journal import Outcome, Step

PATIENCE: Final = 30.0  # seconds; nothing here takes them


class Part:
    """One step in flight."""

    def __init__(self, step: Step, work: Callable[[], Outcome], *, apart: bool) -> None:
        self.step, self._work, self._apart = step, work, apart
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self._thread: Thread | None = None
        self._here, self._there = Lock(), Lock()  # each is free while its side may go on
        self._here.acquire()
        self._there.acquire()

    @property
    def begun(self) -> bool:
        return self._thread is not None

    @property
    def over(self) -> bool:
        return self.outcome is not None or self.error is not None

    def go_on(self) -> None:
        """Let it work until it stands still or has ended."""
        if not self._apart:
            self._run()
            return
        if self._thread is None:
            self._thread = Thread(target=self._run_there, name=self.step.key, daemon=True)
            self._thread.start()
        else:
            self._there.release()
        if not self._here.acquire(timeout=PATIENCE):
            raise AssertionError(f"{self.step.key} neither ends nor stands still")
        if self.over:
            self._thread.join()

    def stand_still(self) -> None:
        """Called by the step itself, half-way: back to the others until it is its turn again."""
        self._here.release()
        self._there.acquire()

    def _run_there(self) -> None:
        self._run()
        self._here.release()

    def _run(self) -> None:
        try:
            self.outcome = self._work()
        except BaseException as error:  # a thread that is killed tells nobody; whoever gave it its turn does
            self.error = error


class Turns:
    """lanes.Lanes, one turn at a time. `between` is called before each step's end is given to the loop."""

    def __init__(
        self, chance: Random, between: Callable[[], None], fate: Callable[[Part], bool] = lambda part: True
    ) -> None:
        self._chance, self._between, self._fate = chance, between, fate
        self._flying: list[Part] = []
        self.turn: Part | None = None

    @property
    def busy(self) -> bool:
        return bool(self._flying)

    def start(self, step: Step, work: Callable[[], Outcome]) -> None:
        self._flying.append(Part(step, work, apart=step.kind.acts and self._chance.random() < 0.6))

    def ended(self) -> Iterator[Outcome]:
        self._between()
        part = next((p for p in self._flying if p.over), None)
        while part is None or not part.over:
            part = self._chance.choice(self._flying)
            self._let(part)
        self._flying.remove(part)
        if part.error is not None:
            raise part.error
        assert part.outcome is not None
        yield part.outcome

    def pause(self) -> None:
        """Called by a step half-way: others may have their turn now."""
        if self.turn is not None and self.turn.begun and self._chance.random() < 0.5:
            self.turn.stand_still()

    def end_what_is_begun(self) -> None:
        """Let the tools that run come to their end; what they say is given to the loop later."""
        for part in self._flying:
            while part.begun and not part.over and part is not self.turn:
                self._let(part)

    def close(self) -> None:
        for part in self._flying:
            if self._fate(part):
                while not part.over:
                    self._let(part)
        self._flying.clear()

    def _let(self, part: Part) -> None:
        before, self.turn = self.turn, part
        try:
            part.go_on()
        finally:
            self.turn = before
