"""What is done to an environment while its lock is held: one goal, and what becomes of a run that failed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from adapters.registry import Registry
from flows.accepting import accept
from flows.approving import Waiter, to_wait
from flows.board import Board
from flows.place import Place, laid_out
from flows.request import Request
from flows.session import opened
from flows.steps import task_per_step
from lifecycle.approval import REVIEW
from lifecycle.desired import Goal
from lifecycle.environment import Environment, Phase
from lifecycle.errors import BatonError
from lifecycle.events import Event, Level
from lifecycle.lock import Lock, LostLock
from lifecycle.perform import Ended, perform
from lifecycle.ports import Cancellation, Cancelled, EventSink
from lifecycle.revision import CLEANUP, READY, REVISION, OnFailure, chosen


@dataclass(frozen=True, slots=True)
class Work:
    """What is done to an environment while its lock is held."""

    registry: Registry
    sink: EventSink
    lock: Lock
    cancel: Cancellation
    board: Board
    waiter: Waiter | None = None

    def perform(self, goal: Goal, place: Place, request: Request) -> Ended:
        """One goal. What was made beside an environment that is gone goes while the lock is held: the next run makes its own."""
        with opened(place, request, goal, self.registry, self.sink, self.cancel.wait) as session:
            self.board.works_on(session.desired)
            environment = accept(place, request, session, self.lock) if goal is Goal.UP else session.environment
            ended = perform(
                session.desired,
                session.ports,
                task_per_step(self.board),
                lock=self.lock,
                environment=environment,
                cancel=self.cancel,
            )
        if ended.view.refused and goal is Goal.UP:
            ended = self._as_before(session.environment, ended)
        if self.waiter is not None and ended.view.asks and CLEANUP not in ended.environment.facts:
            environment = to_wait(ended.environment, self.waiter, self.registry.clock.now())
            self.registry.store.transition(self.lock, environment, [])
            return replace(ended, environment=environment)
        if goal is Goal.DOWN and ended.environment.phase is Phase.DESTROYED:
            self.registry.forget(place.ref)
        return ended

    def _as_before(self, before: Environment, ended: Ended) -> Ended:
        """What was refused was not accepted: revision, inputs and lease are what they were, and the question is kept."""
        facts = {key: value for key, value in ended.environment.facts.items() if key == REVIEW}
        environment = replace(ended.environment, facts={**before.facts, **facts})
        self.registry.store.transition(self.lock, environment, [])
        return replace(ended, environment=environment)

    def clean_up(self, environment: Environment) -> Ended | None:
        """What the blueprint wants done about a run that failed, if anything; how that ended."""
        wanted = environment.facts.get(CLEANUP)
        if wanted is None or self.cancel.requested:
            return None
        say = warning("run.cleaning", self.sink)
        try:
            return self._cleaned_up(environment, wanted, say)
        except (LostLock, Cancelled):
            raise
        except BatonError as error:  # what made the run fail matters more; the next tick tries again
            say(f"{environment.ref} could not be cleaned up: {error.message}")
            return None

    def _cleaned_up(self, environment: Environment, wanted: str, say: Callable[[str], None]) -> Ended:
        back = wanted == OnFailure.ROLLBACK
        known = self.registry.store.revisions(environment.ref)
        number = environment.facts[READY][-1] if back else environment.facts[REVISION]
        words = f"going back to revision {number}, which was ready last" if back else "taking down what was made"
        say(f"{environment.ref} failed: {words} (on_failure: {wanted})")
        place = laid_out(chosen(known, environment.facts, number), environment, self.registry)
        request = Request(
            blueprint=environment.ref.blueprint,
            environment=environment.ref.name,
            revision=number,
            because=f"run {environment.run} failed (on_failure: {wanted})",
            asks=False,
            unasked=True,
        )
        return self.perform(Goal.UP if back else Goal.DOWN, place, request)


def warning(type: str, sink: EventSink) -> Callable[[str], None]:
    """A warning about the run as a whole, for people and for the run's log."""
    return lambda message: sink(Event(datetime.now(UTC), type, message, level=Level.WARNING))
