"""Whatever happens to one environment, in whatever order: nobody writes beside another, nothing untrue is said, and an
undisturbed `up` at the end reaches the right end.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from adapters.fake.driving import shop
from adapters.fake.world import Instance
from lifecycle.desired import Goal
from lifecycle.environment import Phase
from lifecycle.ledger import Broken, verify
from lifecycle.lock import Locked, LostLock
from lifecycle.perform import Ended
from tests.support.chaos.life import Life, Moment, Script
from tests.support.chaos.place import Place
from tests.support.chaos.scenarios import ground

REF = shop().ref
moments = st.integers(0, 130)
seeds = st.integers(0, 10_000)
GOALS = {
    **{f"{n} servers, {p}": shop(web=n, web_print=p) for n in (1, 2, 3) for p in ("web-1", "web-2")},
    "down": shop(goal=Goal.DOWN),
}
goals = st.sampled_from(sorted(GOALS))


class Histories(RuleBasedStateMachine):
    """Lives that follow one another, disturbed at any of their moments."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Place()
        self.wish = "2 servers, web-1"  # what the last `up` asked for

    @initialize(stands=st.booleans())
    def begin(self, stands: bool) -> None:
        """Half of the histories begin with a shop that stands."""
        if stands:
            self.place = ground("grow").copy()

    def live(self, goal: str, seed: int, script: Script) -> Ended | None:
        if goal != "down":
            self.wish = goal
        return self.place.live(GOALS[goal], seed=seed, script=script)

    @rule(goal=goals, seed=seeds)
    def undisturbed(self, goal: str, seed: int) -> None:
        ended = self.live(goal, seed, {})
        assert ended is not None
        if goal != "down":
            assert ended.complete, [o.message for o in ended.failures]

    @rule(goal=goals, seed=seeds, at=moments)
    def killed(self, goal: str, seed: int, at: int) -> None:
        def strike(life: Life, moment: Moment, made: Instance | None) -> None:
            life.spoil(made)
            life.die()

        self.live(goal, seed, {at: strike})

    @rule(goal=goals, seed=seeds, at=moments, again=st.integers(0, 20))
    def stopped(self, goal: str, seed: int, at: int, again: int) -> None:
        """Asked once, and so many moments later once more."""
        stop: Script = {at: _ask, at + again: _ask_twice if again == 0 else _ask}
        ended = self.live(goal, seed, stop)
        assert ended is not None
        assert self.place.store.holder(REF) is None
        assert ended.complete or ended.cancelled or not ended.view.observed.in_flight

    @rule(goal=goals, other=goals, seed=seeds, at=moments)
    def overtaken(self, goal: str, other: str, seed: int, at: int) -> None:
        """Paused anywhere for longer than its lease; somebody else does something else meanwhile."""

        def strike(life: Life, moment: Moment, made: Instance | None) -> None:
            if life.holds_the_lock and moment.idle:
                life.stand_aside(overtake)

        def overtake() -> None:
            self.place.oversleep()
            self.live(other, seed + 1, {})
            after.append((self.place.written(REF), list(self.place.world.log)))

        after: list[object] = []
        try:
            self.live(goal, seed, {at: strike})
        except LostLock:
            assert after == [(self.place.written(REF), list(self.place.world.log))]
        if after:
            self.wish = self.wish if other == "down" else other

    @rule(goal=goals, other=goals, seed=seeds, at=moments)
    def rivalled(self, goal: str, other: str, seed: int, at: int) -> None:
        """Somebody else comes while the first one works: he is refused, and nobody notices."""
        refused: list[bool] = []

        def strike(life: Life, moment: Moment, made: Instance | None) -> None:
            if life.holds_the_lock:
                before = self.place.written(REF)
                try:
                    self.place.live(GOALS[other], seed=seed + 1)
                except Locked:
                    refused.append(before == self.place.written(REF))

        ended = self.live(goal, seed, {at: strike})
        assert refused in ([], [True])
        assert ended is not None

    @rule(number=st.integers(0, 3))
    def a_host_dies(self, number: int) -> None:
        hosts = list(self.place.world.instances)
        if hosts:
            del self.place.world.instances[hosts[number % len(hosts)]]

    @invariant()
    def nothing_forbidden_has_happened(self) -> None:
        assert self.place.broken_rules == []

    @invariant()
    def the_chain_is_whole(self) -> None:
        assert not isinstance(verify(list(self.place.store.ledger(REF))), Broken)

    def teardown(self) -> None:
        wish = GOALS[self.wish]
        ended = self.place.live(wish)
        assert ended is not None
        assert ended.complete, [o.message for o in ended.failures]
        assert ended.environment.phase is Phase.READY
        assert [*self.place.wrong(wish), *self.place.untidy(wish), *self.place.broken_rules] == []
        log = list(self.place.world.log)
        self.place.live(wish)
        assert self.place.world.log == log


def _ask(life: Life, moment: Moment, made: Instance | None) -> None:
    life.cancel.request("SIGINT")


def _ask_twice(life: Life, moment: Moment, made: Instance | None) -> None:
    _ask(life, moment, made)
    _ask(life, moment, made)


TestAnyHistory = Histories.TestCase
TestAnyHistory.settings = settings(max_examples=40, stateful_step_count=6)
