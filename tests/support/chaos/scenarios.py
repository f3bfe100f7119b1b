"""What runs do while they are disturbed, and how they can be."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from adapters.fake.driving import shop
from adapters.fake.world import Instance
from lifecycle.desired import Desired, Goal
from lifecycle.lock import Locked, LostLock
from tests.support.chaos.life import Life, Moment, When
from tests.support.chaos.place import Place


@dataclass(frozen=True, slots=True)
class Scenario:
    """`before` undisturbed, then `goal`, which is disturbed, then `then` (the same again, if nobody has changed his mind)."""

    before: tuple[Desired, ...]
    goal: Desired
    dies: str = ""  # a host that is gone when the goal's run begins
    then: Desired | None = None
    thinned: bool = False  # asked to stop at every other moment only: other scenarios have the same ones


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "up": Scenario((), shop()),
    "grow": Scenario((shop(),), shop(web=3), thinned=True),
    "shrink": Scenario((shop(web=3),), shop()),
    "playbook": Scenario((shop(),), shop(web_print="web-2"), thinned=True),
    "heal": Scenario((shop(),), shop(), dies="web-1", thinned=True),
    "stay": Scenario((shop(web=3),), shop(), then=shop(web=3), thinned=True),
    "down": Scenario((shop(),), shop(goal=Goal.DOWN)),
}


class Mode(StrEnum):
    """What happens to a run at one of its moments."""

    KILLED = "killed"  # it is gone at once
    LEAKED = "leaked"  # so is its apply, and what that has just made is in no state
    TAINTED = "tainted"  # ... or is in the state as broken
    INTERRUPTED = "interrupted"  # asked to stop, once
    HURRIED = "hurried"  # asked twice
    OVERTAKEN = "overtaken"  # paused for longer than its lease, while somebody else does the work
    RIVALLED = "rivalled"  # somebody else wants to do the same at once

    def fits(self, moment: Moment) -> bool:
        """Whether it makes a difference here: what comes right after another moment with nothing between is left out."""
        match self:
            case Mode.KILLED:
                return True
            case Mode.LEAKED | Mode.TAINTED:
                return moment.makes
            case Mode.INTERRUPTED | Mode.HURRIED:
                return moment.when not in (When.TORN, When.BEFORE)
            case Mode.OVERTAKEN:
                return moment.idle and (moment.when is When.BEGIN or moment.index % 3 == 0)
            case Mode.RIVALLED:
                return moment.when is When.AFTER and moment.index % 4 == 0

    @property
    def kills(self) -> bool:
        return self in (Mode.KILLED, Mode.LEAKED, Mode.TAINTED)


@cache
def ground(scenario: str) -> Place:
    """The place as it stands before the goal's run. Copy it."""
    place = Place()
    for desired in SCENARIOS[scenario].before:
        ended = place.live(desired)
        assert ended is not None
        assert ended.complete
    if SCENARIOS[scenario].dies:
        del place.world.instances[place.world.named(SCENARIOS[scenario].dies).id]
    return place


@cache
def undisturbed(scenario: str, seed: int) -> Place:
    """The place after a goal's run that nobody disturbed: its last life is the trace."""
    place = ground(scenario).copy()
    ended = place.live(SCENARIOS[scenario].goal, seed=seed)
    assert ended is not None
    assert ended.complete
    assert [*place.wrong(SCENARIOS[scenario].goal), *place.untidy(SCENARIOS[scenario].goal), *place.broken_rules] == []
    return place


@dataclass(frozen=True, slots=True)
class Point:
    """One disturbance. As text it says all that is needed to repeat it."""

    scenario: str
    index: int
    mode: Mode
    seed: int

    def __str__(self) -> str:
        return f"{self.scenario}/{self.index}/{self.mode}/{self.seed}"

    @classmethod
    def parse(cls, text: str) -> "Point":
        scenario, index, mode, seed = text.split("/")
        return cls(scenario, int(index), Mode(mode), int(seed))

    @property
    def moment(self) -> Moment:
        return undisturbed(self.scenario, self.seed).lives[-1].moments[self.index]


def points(scenario: str, mode: Mode, seed: int) -> Iterator[Point]:
    """Every moment of a scenario's run that a mode fits."""
    asked = mode in (Mode.INTERRUPTED, Mode.HURRIED)
    for moment in undisturbed(scenario, seed).lives[-1].moments:
        left_out = asked and SCENARIOS[scenario].thinned and moment.index % 2 == (mode is Mode.HURRIED)
        if mode.fits(moment) and not left_out:
            yield Point(scenario, moment.index, mode, seed)


_FUTURES: dict[Hashable, tuple[str, ...]] = {}
_QUIET: set[Hashable] = set()


class Disturbed:
    """A scenario, disturbed at one point and brought to its end. `problems` says what is not as it should be."""

    def __init__(self, point: Point) -> None:
        self.point, self.goal = point, SCENARIOS[point.scenario].goal
        self.then = SCENARIOS[point.scenario].then or self.goal
        self.place = ground(point.scenario).copy()
        self.problems: list[str] = []
        self._first: Life | None = None
        self.interrupted = False

    def disturb(self) -> None:
        """Run until the point, and as long after it as the mode lets the run live."""
        point = self.point
        try:
            ended = self.place.live(self.goal, seed=point.seed, script={point.index: self._strike})
        except LostLock:
            self._unless(point.mode is Mode.OVERTAKEN, "it lost its lock to nobody")
        else:
            self._unless((ended is None) == point.mode.kills, "it lived on, or died of nothing")
            if ended is not None and ended.cancelled:
                self.interrupted = True
                asked = point.mode in (Mode.INTERRUPTED, Mode.HURRIED)
                self._unless(asked, "it says that it was interrupted")
                self.problems += self._not_given_back()
        if self._first is None:
            self.problems.append("the moment never came")

    def _strike(self, life: Life, moment: Moment, made: Instance | None) -> None:
        self._first = life
        self._unless(moment == self.point.moment, f"the trace has another moment here: {moment}")
        match self.point.mode:
            case Mode.KILLED:
                life.spoil(made)
                life.die()
            case Mode.LEAKED | Mode.TAINTED:
                life.spoil(made, how=self.point.mode.value)
                life.die()
            case Mode.INTERRUPTED | Mode.HURRIED:
                for _ in range(1 if self.point.mode is Mode.INTERRUPTED else 2):
                    life.cancel.request("SIGINT")
            case Mode.OVERTAKEN:
                life.stand_aside(self._overtake)
            case Mode.RIVALLED:
                self._rival()

    def _overtake(self) -> None:
        self.place.oversleep()
        ended = self.place.live(self.goal, seed=self.point.seed)
        self._unless(ended is not None and ended.complete, "who took over did not reach the goal")
        self._after_overtaking = self._written()

    def _rival(self) -> None:
        held = self.place.store.holder(self.goal.ref) is not None
        try:
            self.place.live(self.goal, seed=self.point.seed)
        except Locked:
            self._unless(held, "a lock that nobody holds is refused")
        else:
            self._unless(not held, "two have one lock")

    def _not_given_back(self) -> Iterator[str]:
        """What a run that was stopped by request still holds at its end."""
        if held := self.place.store.holder(self.goal.ref):
            yield f"interrupted, and the lock is held by {held.owner}"
        yield from (
            f"interrupted, and {r.kind}:{r.subject} is open" for r in self.place.store.journal(self.goal.ref).unknown
        )

    def _written(self) -> object:
        return self.place.written(self.goal.ref), self._done()

    _after_overtaking: object = None

    def recover(self) -> bool:
        """The next command: the end must be the undisturbed one; and once more: nothing may happen.

        A restart sees nothing but the store and the world. Where both stand as they stood after an earlier disturbance of
        this scenario, its future is known; gives whether it was not.
        """
        if self._after_overtaking is not None:
            self._unless(self._written() == self._after_overtaking, "who was overtaken still did something")
        here = (self.point.scenario, self.place.standing(self.goal.ref), frozenset(self.place.world.done.items()))
        if new := here not in _FUTURES:
            _FUTURES[here] = tuple(self._future())
        self.problems += [*_FUTURES[here], *self.place.broken_rules]
        return new

    def _future(self) -> Iterator[str]:
        yield from self._run_again("again")
        yield from [*self.place.wrong(self.then), *self.place.untidy(self.then), *self._miscounted()]
        here = (self.point.scenario, self.place.standing(self.goal.ref))
        if here in _QUIET:
            return
        before = self._done()
        yield from self._run_again("once more")
        if self._done() != before:
            yield f"a run with nothing to do did {self._done()[len(before) :]}"
        yield from [*self.place.wrong(self.then), *self.place.untidy(self.then)]
        _QUIET.add(here)

    def _run_again(self, which: str) -> Iterator[str]:
        ended = self.place.live(self.then, seed=self.point.seed)
        if ended is None or not ended.complete:
            words = [o.message for o in ended.failures] if ended else []
            yield f"run {which}, it did not reach the goal: {words}"

    def _done(self) -> list[str]:
        return list(self.place.world.log)

    def _miscounted(self) -> Iterator[str]:
        """What was made or destroyed more or less often than without the disturbance; what was configured needlessly."""
        if self.then is not self.goal:
            return  # it depends on how far it had come when the wish changed
        done, once = self.place.world.done, undisturbed(self.point.scenario, self.point.seed).world.done
        for what in sorted(done.keys() | once.keys()):
            exactly = what.startswith(("create ", "destroy ")) and not what.startswith("destroy stack")
            if exactly and done[what] != once[what]:
                yield f"{what}: {done[what]} times and not {once[what]}"
            if what.startswith("configure ") and not once[what] <= done[what] <= once[what] + 1:
                yield f"{what}: {done[what]} times, undisturbed {once[what]}"

    def _unless(self, good: bool, words: str) -> None:
        if not good:
            self.problems.append(words)
