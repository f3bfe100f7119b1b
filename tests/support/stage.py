"""One environment of the shop under rules: an assessor that says what it is told, and runs over the real loop on fakes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from adapters.fake.clock import FakeClock
from adapters.fake.driving import ports_for, shop, world_of_shop
from lifecycle.approval import ApprovalRules, Decision, Review, answered
from lifecycle.cost import Estimate, Line
from lifecycle.desired import Desired, Goal, Governance
from lifecycle.environment import Environment, Phase
from lifecycle.journal import Kind, Outcome
from lifecycle.lock import LEASE, Owner
from lifecycle.perform import Ended, perform
from lifecycle.plan import Plan
from lifecycle.policy.finding import Finding
from lifecycle.ports import Cancellation
from lifecycle.view import View

ME: Final = Owner("ada", "laptop:1", "boot", 42, 1)
ALWAYS: Final = ApprovalRules(always=True)


class Judge:
    """An assessor that says what it is told to say."""

    def __init__(self) -> None:
        self.found: tuple[Finding, ...] = ()
        self.costs: Decimal | None = None

    def findings(self, view: View, estimate: Estimate | None) -> Sequence[Finding]:
        return self.found

    def estimate(self, plans: Mapping[str, Plan]) -> Estimate | None:
        if self.costs is None:
            return None
        line = Line("front", "host.web-1", "host", "here", "", Decimal(0), self.costs, "said so")
        return Estimate("USD", date(2026, 1, 1), "said so", "here", ("front",), (line,))


class Stage:
    """One environment of the shop under rules."""

    def __init__(self, rules: ApprovalRules = ALWAYS) -> None:
        self.world, self.judge, self.rules = world_of_shop(), Judge(), rules
        self.ports = replace(ports_for(self.world), assessor=self.judge, discovery_period=0.001)
        self.store = self.ports.store
        self.ended: Ended | None = None

    @property
    def environment(self) -> Environment:
        now = self.ports.clock.now()
        return self.store.environment(shop().ref) or Environment(shop().ref, Phase.NEW, now, now)

    def run(self, desired: Desired | None = None, *, auto: bool = False) -> Ended:
        wanted = desired or shop()
        governance = Governance(self.rules, Review.of(self.environment.facts), auto)
        lock = self.store.acquire(wanted.ref, ME, lease=LEASE)
        try:
            self.ended = perform(
                replace(wanted, governance=governance, blueprint_digest=wanted.blueprint_digest or "text"),
                self.ports,
                lambda _, act: act(),
                lock=lock,
                environment=self.environment,
                cancel=Cancellation(),
            )
            return self.ended
        finally:
            self.store.release(lock)

    def plan(self, **given: Any) -> Ended:
        return self.run(shop(goal=Goal.PLAN, **given))

    def answer(self, digest: str = "", decision: Decision = Decision.APPROVED, user: str = "ada") -> None:
        lock = self.store.acquire(shop().ref, ME, lease=LEASE)
        try:
            changed, draft = answered(self.environment, digest, decision, "", self.ports.clock.now(), user)
            self.store.transition(lock, changed, [draft])
        finally:
            self.store.release(lock)

    def later(self, by: timedelta) -> None:
        assert isinstance(self.ports.clock, FakeClock)
        self.ports.clock.advance(by)

    @property
    def refusal(self) -> Outcome:
        assert self.ended is not None
        (failure,) = self.ended.failures
        assert failure.step.kind is Kind.REVIEW
        return failure

    def touched(self) -> bool:
        return bool(self.world.instances)


def digest_of(ended: Ended) -> str:
    reviewed = ended.view.observed.reviewed
    assert reviewed is not None
    return reviewed.preview.digest
