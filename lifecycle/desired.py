"""What should be: a blueprint with its inputs, for one environment and one goal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from lifecycle.approval import ApprovalRules, Review
from lifecycle.environment import EnvironmentRef
from lifecycle.inventory import ConnectionDefaults, HostMapping, Selector
from lifecycle.revision import OnFailure
from lifecycle.verification import Thresholds


class Goal(StrEnum):
    """What a run is for."""

    PLAN = "plan"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class StackTarget:
    """One stack: where its module is, what it is given, which stacks it needs."""

    name: str
    source: Path
    fingerprint: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)  # with references
    needs: frozenset[str] = frozenset()
    defaults: ConnectionDefaults = field(default_factory=ConnectionDefaults)  # its jump may hold references
    reach: frozenset[str] = frozenset()  # stacks whose outputs the way to its hosts references
    mapping: tuple[HostMapping, ...] = ()


@dataclass(frozen=True, slots=True)
class DrainTarget:
    """What a configure step's hosts do before others are destroyed."""

    playbook: Path
    selector: Selector  # whose leaving it is about
    variables: Mapping[str, Any] = field(default_factory=dict)  # with references, to no outputs
    required: bool = True
    deadline: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ConfigureTarget:
    """One configure step: on which hosts, with what, after what."""

    name: str
    playbook: Path
    selector: Selector
    fingerprint: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)  # with references
    stacks: frozenset[str] = frozenset()  # whose outputs its variables reference
    steps: frozenset[str] = frozenset()  # configure steps it comes after
    checks: frozenset[str] = frozenset()  # checks it comes after
    serial: int | str = 0  # hosts at once; 0 = all; "50%" of all
    become: bool | None = None  # None: as the host's connection says
    deadline: timedelta = timedelta(minutes=30)
    drain: DrainTarget | None = None


@dataclass(frozen=True, slots=True)
class CheckTarget:
    """One check: what to look at, from where, after what."""

    name: str
    kind: str
    spec: Mapping[str, Any] = field(default_factory=dict)  # with references
    vantage: str = "controller"  # controller, outside, hosts
    selector: Selector | None = None  # the hosts it runs from or on
    thresholds: Thresholds = field(default_factory=Thresholds)
    stacks: frozenset[str] = frozenset()
    steps: frozenset[str] = frozenset()
    checks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Governance:
    """What must be agreed to before anything is made, and what was agreed to already."""

    approval: ApprovalRules = field(default_factory=ApprovalRules)
    review: Review | None = None  # what was asked last, and its answers
    auto: bool = False  # --auto-approve was given


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything that a run works towards. Built once; never changed while the run lasts."""

    ref: EnvironmentRef
    goal: Goal
    stacks: Mapping[str, StackTarget] = field(default_factory=dict)
    configure: Mapping[str, ConfigureTarget] = field(default_factory=dict)  # in the blueprint's order
    checks: Mapping[str, CheckTarget] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)  # resolved; secrets are Sensitive
    facts: Mapping[str, Any] = field(default_factory=dict)  # ${environment.*}
    tags: Mapping[str, str] = field(default_factory=dict)
    key: bytes = b""  # for digests that may cover a secret
    on_failure: OnFailure = OnFailure.KEEP
    lease: timedelta | None = None  # how long it may stand from now on
    due_at: datetime | None = None  # of a teardown whose time has come: since when it is due
    blueprint_digest: str = ""  # of its text, keyed
    governance: Governance | None = None  # None: nothing is reviewed, what is planned is applied
    because: str = ""  # why this run, where nobody asked for it right now

    def dependents(self, stack: str) -> frozenset[str]:
        """Stacks that need this one: they go first on the way down."""
        return frozenset(s.name for s in self.stacks.values() if stack in s.needs)

    @property
    def selectors(self) -> tuple[Selector, ...]:
        chosen = [c.selector for c in self.configure.values()]
        return (*chosen, *(v.selector for v in self.checks.values() if v.selector))

    def holds_wanted_hosts(self, stack: str) -> bool:
        """Whether any selector may match a host of this stack, those of jump hosts included."""
        jumps = (s.defaults.through for s in self.stacks.values() if s.defaults.through)
        return any(s.stack in ("", stack) for s in (*self.selectors, *jumps))
