"""What an `up` would do, as one value: stacks, hosts, findings, cost, and one digest over what they are made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from lifecycle.configuration import TaskChange
from lifecycle.cost import Estimate
from lifecycle.digest import digest
from lifecycle.environment import EnvironmentRef
from lifecycle.plan import Action, Fidelity, Plan, ResourceChange
from lifecycle.policy.finding import Finding, Verdict, decide


@dataclass(frozen=True, slots=True)
class StackPreview:
    """What would become of one stack. Without a plan `reason` says why there is none."""

    name: str
    fidelity: Fidelity
    plan: Plan | None = None
    reason: str = ""
    leaving: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # configure step → hosts that leave it first

    @property
    def acting(self) -> tuple[ResourceChange, ...]:
        return self.plan.acting if self.plan else ()


class HostWork(StrEnum):
    """What a configure step would do on a host."""

    NEW = "new"  # the host does not exist yet: the whole playbook runs
    AGAIN = "again"  # its configuration, or the host, is not what it was configured with
    NOTHING = "nothing"  # it has this configuration already


@dataclass(frozen=True, slots=True)
class HostPreview:
    """What one configure step would do on one host, and how sure that is."""

    name: str
    work: HostWork
    fidelity: Fidelity
    tasks: tuple[TaskChange, ...] = ()
    trouble: str = ""  # why check mode could not say it


@dataclass(frozen=True, slots=True)
class StepPreview:
    """What one configure step would do."""

    name: str
    hosts: tuple[HostPreview, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """Everything that an approver sees.

    `parts` are digests of what decides about the outcome, by the names that people give it; they are keyed, as inputs may be
    secrets. `digest` names the whole.
    """

    ref: EnvironmentRef
    stacks: tuple[StackPreview, ...] = ()
    steps: tuple[StepPreview, ...] = ()
    findings: tuple[Finding, ...] = ()
    estimate: Estimate | None = None
    lease: timedelta | None = None  # how long it may stand from now on
    parts: Mapping[str, str] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)  # id → name of every host that stands

    @property
    def digest(self) -> str:
        return digest(dict(self.parts))

    def with_parts(self, more: Mapping[str, str]) -> "Preview":
        return replace(self, parts={**self.parts, **more})

    @property
    def acts(self) -> bool:
        """Whether an `up` would do anything."""
        changes = any(s.plan is None or s.acting or s.plan.outputs_changed for s in self.stacks)
        return changes or any(h.work is not HostWork.NOTHING for step in self.steps for h in step.hosts)

    @property
    def changes(self) -> Iterator[tuple[str, ResourceChange]]:
        """(stack, change) of everything that would change."""
        return ((stack.name, change) for stack in self.stacks for change in stack.acting)

    @property
    def destroyed(self) -> tuple[str, ...]:
        """Addresses of what would be destroyed for good."""
        return tuple(change.address for _, change in self.changes if change.action is Action.DELETE)

    @property
    def replaced(self) -> tuple[str, ...]:
        """Addresses of what would be destroyed and made again."""
        return tuple(change.address for _, change in self.changes if change.action is Action.REPLACE)

    @property
    def hosts_lost(self) -> tuple[int, int]:
        """How many hosts would be destroyed or replaced, of how many that stand."""
        doomed = {i for stack in self.stacks if stack.plan for i in stack.plan.doomed_ids}
        return len(doomed & self.hosts.keys()), len(self.hosts)

    @property
    def envelope(self) -> Mapping[str, Mapping[str, str]]:
        """Stack → address → action of everything that would change: what an approval of this preview allows."""
        return {s.name: {c.address: c.action.value for c in s.acting} for s in self.stacks if s.plan}

    # --- policy

    @property
    def denied(self) -> tuple[Finding, ...]:
        """Findings that nobody may overrule."""
        return decide(self.findings).denied

    @property
    def overridable(self) -> tuple[Finding, ...]:
        """Findings that an approver may overrule."""
        return decide(self.findings).needs_approval

    @property
    def undecided(self) -> tuple[Finding, ...]:
        """Findings that wait for a value that is known only after apply."""
        return tuple(f for f in self.findings if f.verdict is Verdict.UNKNOWN)

    @property
    def concerns(self) -> frozenset[str]:
        """Keys of every finding that an approver ought to see."""
        bad = (f for f in self.findings if f.verdict in (Verdict.DENY, Verdict.WARN))
        return frozenset(f.key for f in bad)

    # --- cost

    @property
    def monthly_cost(self) -> Decimal | None:
        """What it would cost a month, as far as prices are known; None where nobody estimated it."""
        return self.estimate.total.after if self.estimate else None

    @property
    def cost_increase(self) -> Decimal | None:
        """How much more than now that is."""
        return self.estimate.total.delta if self.estimate else None
