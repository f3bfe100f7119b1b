"""Drives the conductor over the world in memory, one completion at a time, in any order, with kills in between."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.fake.clock import FakeClock
from adapters.fake.configurator import FakeConfigurator
from adapters.fake.hosts import FakeCloud, FakeHosts
from adapters.fake.provisioner import FakeProvisioner
from adapters.fake.store import FakeStore
from adapters.fake.world import FakeModule, FakeWorld
from lifecycle.acts import Acts
from lifecycle.conductor import next_steps
from lifecycle.desired import CheckTarget, ConfigureTarget, Desired, DrainTarget, Goal, StackTarget
from lifecycle.environment import EnvironmentRef
from lifecycle.inventory import Selector
from lifecycle.journal import Journal, Kind, Outcome, Record, Status, Step, subjects
from lifecycle.observed import Observed
from lifecycle.ports import Cancellation, Ports, Run
from lifecycle.retries import Backoff
from lifecycle.verification import Check, CheckResult
from lifecycle.view import View

Choose = Callable[[int], int]
"""Gives a number below its argument: which of the steps in flight ends next."""


def shop(*, web: int = 2, goal: Goal = Goal.UP, web_print: str = "web-1", required: bool = True) -> Desired:
    """Two stacks, three configure steps behind gates, two checks: the article's shape."""
    stacks = {
        "data": StackTarget("data", Path("data"), "data"),
        "front": StackTarget(
            "front", Path("front"), "front", {"web": web, "db": "${stacks.data.outputs.address}"}, frozenset({"data"})
        ),
    }
    configure = [
        ConfigureTarget("mysql", Path("mysql.yml"), Selector(stack="data"), "mysql"),
        ConfigureTarget(
            "app", Path("app.yml"), Selector(group="web"), web_print, {"db": "${stacks.data.outputs.address}"},
            stacks=frozenset({"data"}), steps=frozenset({"mysql"}), checks=frozenset({"db-answers"}),
        ),
        ConfigureTarget(
            "balance", Path("lb.yml"), Selector(group="lb"), "lb", {"web": "${stacks.front.outputs.web}"},
            stacks=frozenset({"front"}), steps=frozenset({"app"}),
            drain=DrainTarget(Path("leave.yml"), Selector(group="web"), required=required),
        ),
    ]  # fmt: skip
    checks = [
        CheckTarget("db-answers", "tcp", stacks=frozenset({"data"}), steps=frozenset({"mysql"})),
        CheckTarget("home", "http", stacks=frozenset({"front"}), steps=frozenset({"mysql", "app", "balance"})),
    ]
    return Desired(
        EnvironmentRef("shop", "dev"), goal, stacks, {c.name: c for c in configure}, {c.name: c for c in checks}
    )


def world_of_shop() -> FakeWorld:
    def front(variables: Any) -> Mapping[str, tuple[str, ...]]:
        balancer = {"lb-1": ("lb",)} if variables.get("lb", True) else {}
        return {f"web-{n + 1}": ("web",) for n in range(variables["web"])} | balancer

    return FakeWorld(
        {
            "data": FakeModule(lambda _: {"db-1": ("db",)}, lambda _: {"address": "10.0.0.5"}),
            "front": FakeModule(front, lambda v: {"web": [f"web-{n + 1}" for n in range(v["web"])]}),
        }
    )


class _Probes:
    """Every check passes, unless the world says that it fails."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def probe(self, check: Check, run: Run) -> CheckResult:
        passed = not self._world.fails(f"probe {check.name}")
        return CheckResult(check.name, passed, "it answers" if passed else "it does not answer")


def ports_for(world: FakeWorld) -> Ports:
    clock = FakeClock()
    return Ports(
        FakeProvisioner(world),
        FakeConfigurator(world),
        _Probes(world),
        FakeHosts(world),
        FakeCloud(world),
        FakeStore(now=clock.now),
        clock,
        lambda _: None,
        discovery_period=0,
        backoff=Backoff(first=0),
    )


@dataclass
class Drive:
    """One environment driven by hand: what the loop does, without threads, so that every order can be tried."""

    world: FakeWorld
    ports: Ports
    journal: Journal = field(default_factory=Journal)
    observed: Observed = field(default_factory=Observed)
    started: list[Step] = field(default_factory=list)
    broken_rules: list[str] = field(default_factory=list)
    number: int = 0  # of the run

    def run(self, desired: Desired, choose: Choose, *, kill_after: int = -1) -> View:
        """Work until nothing is left to do, or be killed after so many completions.

        Of what is in flight at the kill some has happened and some has not, as `choose` says; nobody wrote it down.
        """
        self.number += 1
        unsettled = {i: h for i, h in self.observed.standing.items() if h.stack not in self.observed.settled}
        self.observed = Observed(standing=unsettled | {i: r.host for i, r in self.observed.ready.items()})
        flying: list[tuple[Step, View]] = []
        completions = 0
        while True:
            while steps := next_steps(desired, self.journal, self.observed):
                for step in steps:
                    self._start(step, desired)
                    flying.append((step, View(desired, self.journal, self.observed)))
            flying = self._without_idle_looks(flying)
            if completions == kill_after:
                for step, view in flying:
                    if choose(2):
                        Acts(desired, self.ports, Cancellation()).carry_out(step, view)
            if not flying or completions == kill_after:
                return View(desired, self.journal, self.observed)
            step, view = flying.pop(choose(len(flying)))
            self._complete(Acts(desired, self.ports, Cancellation()).carry_out(step, view))
            completions += 1

    def _start(self, step: Step, desired: Desired) -> None:
        if any(s.key == step.key for s in self.observed.in_flight):
            self.broken_rules.append(f"{step.key} started twice at once")
        busy = self.observed.hosts_in_work & {i for i, _ in step.hosts}
        if busy:
            self.broken_rules.append(f"{step.key} meets another step on {sorted(busy)}")
        self.started.append(step)
        if step.kind.acts:
            self._write(step, [None for _ in subjects(step)])
        self.observed = self.observed.started(step)

    def _complete(self, outcome: Outcome) -> None:
        self.observed = self.observed.ended(outcome)
        if outcome.step.kind.acts:
            good = outcome.good_hosts if outcome.step.hosts else None
            states: list[Status | None] = (
                [outcome.status]
                if good is None
                else [Status.OK if i in good else Status.FAILED for i, _ in outcome.step.hosts]
            )
            self._write(outcome.step, states)

    def _write(self, step: Step, states: Sequence[Status | None]) -> None:
        assert isinstance(self.ports.clock, FakeClock)
        self.ports.clock.advance(timedelta(seconds=1))
        now = self.ports.clock.now()
        records = [
            Record(step.kind, subject, key, self.number, now, now if state else None, state)
            for (subject, key), state in zip(subjects(step), states, strict=True)
        ]
        self.journal = self.journal.with_records(records)

    def _without_idle_looks(self, flying: list[tuple[Step, View]]) -> list[tuple[Step, View]]:
        """A look for hosts is over with its apply; left alone it would be chosen for ever. One that an apply waits for is not."""
        over = [s for s, _ in flying if s.kind is Kind.DISCOVER and self._applied(s.subject)]
        self.observed = replace(self.observed, in_flight=self.observed.in_flight - set(over))
        return [(s, v) for s, v in flying if s not in over]

    def _applied(self, stack: str) -> bool:
        return stack in self.observed.settled or self.observed.failed(Kind.APPLY, stack)
