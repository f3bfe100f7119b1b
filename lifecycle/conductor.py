"""The heart: which steps may run now. Pure; whoever runs a lifecycle asks, runs, records, and asks again.

Three rules hold for every step that is named here:

* looking (plan, discover, await, verify) always happens, once per run; acting (apply, configure, destroy) happens
  only when its digest or what was seen in this run says so;
* a host's existence is seen, not concluded from the end of an apply: `await` and `configure` may run while `apply`
  has an intent and no outcome;
* nothing runs before what it needs, and a step waits for nothing that its own inputs do not name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lifecycle.blueprint.references import Kind as Root
from lifecycle.blueprint.references import Reference, ReferenceUnresolved, resolve
from lifecycle.desired import CheckTarget, ConfigureTarget, Desired, Goal, StackTarget
from lifecycle.digest import digest
from lifecycle.inventory import Host, Selector
from lifecycle.journal import Journal, Kind, Step
from lifecycle.observed import Observed
from lifecycle.ssh_options import jump_address


class NotKnownYet(ReferenceUnresolved):
    """An output is referenced that is known only after an apply."""


class MissingOutput(ReferenceUnresolved):
    """An output is referenced that its stack does not have."""


def next_steps(desired: Desired, journal: Journal, observed: Observed) -> tuple[Step, ...]:
    """The steps that may start now, beside those in flight. Empty with nothing in flight: the run is over."""
    view = View(desired, journal, observed)
    match desired.goal:
        case Goal.PLAN:
            return tuple(view.plans())
        case Goal.UP:
            return (
                *view.plans(),
                *view.applies(),
                *view.discoveries(),
                *view.awaits(),
                *view.configures(),
                *view.checks(),
            )
        case Goal.DOWN:
            return (*view.destroy_plans(), *view.destroys(), *view.proofs())


@dataclass(frozen=True, slots=True)
class View:
    """Desired, journal and observed looked at together. Every method is a question; none changes anything."""

    desired: Desired
    journal: Journal
    observed: Observed

    # --- references

    def resolve(self, template: Any) -> Any:
        """The template's value. Raises NotKnownYet while an output that it names is not known, else ReferenceUnresolved."""
        return resolve(template, self._look_up)

    def _look_up(self, reference: Reference) -> Any:
        match reference.kind:
            case Root.INPUT:
                known = self.desired.inputs
            case Root.ENVIRONMENT:
                known = self.desired.facts
            case Root.OUTPUT:
                return self._output(reference)
        if reference.name not in known:  # on the way down, where nobody has to give it any more
            raise ReferenceUnresolved(f"${{{reference}}} has no value")
        return known[reference.name]

    def _output(self, reference: Reference) -> Any:
        settled = self.observed.settled.get(reference.name)
        if settled is None:
            plan = self.observed.plans.get(reference.name)
            if self.desired.goal is Goal.PLAN and plan and reference.output in plan.outputs:
                return plan.outputs[reference.output].guarded
            raise NotKnownYet(f"${{{reference}}} is not known before stack {reference.name} is applied")
        if reference.output not in settled.outputs:
            raise MissingOutput(
                f"${{{reference}}}: stack {reference.name} has no output '{reference.output}'",
                hint=f"its outputs are: {', '.join(sorted(settled.outputs)) or 'none'}",
            )
        return settled.outputs[reference.output].guarded

    def resolvable(self, template: Any) -> Any:
        """The template's value, or None where it cannot be had: the step that needs it then says why, by failing."""
        try:
            return self.resolve(template)
        except ReferenceUnresolved:
            return None

    # --- on the way up

    def plans(self) -> Iterator[Step]:
        for stack in self.desired.stacks.values():
            if stack.name in self.observed.plans or self.observed.done_or_doing(Kind.PLAN, stack.name):
                continue
            if self._may_plan(stack):
                yield Step(Kind.PLAN, stack.name, self._stack_digest(stack))

    def applies(self) -> Iterator[Step]:
        for name, plan in self.observed.plans.items():
            waiting = name not in self.observed.settled and not self.observed.done_or_doing(Kind.APPLY, name)
            if waiting and plan.applyable and not plan.errored:
                yield Step(Kind.APPLY, name, plan.digest)

    def discoveries(self) -> Iterator[Step]:
        """While an apply works, look for hosts by tag: they run long before Terraform says so."""
        for name in self.desired.stacks:
            applying = self.observed.busy(Kind.APPLY, name)
            if applying and not self.observed.busy(Kind.DISCOVER, name) and self.desired.holds_wanted_hosts(name):
                yield Step(Kind.DISCOVER, name)

    def awaits(self) -> Iterator[Step]:
        for host in self.observed.hosts.values():
            step = Step(Kind.AWAIT, host.id, host.entrance)
            known = host.id in self.observed.ready or self.observed.failed(Kind.AWAIT, host.id)
            if known or step in self.observed.in_flight:
                continue
            reach = self.desired.stacks[host.stack].reach
            if self.wanted(host) and not self.doomed(host) and reach <= self.observed.settled.keys():
                yield step

    def configures(self) -> Iterator[Step]:
        taken = set(self.observed.hosts_in_work)
        for target in self.desired.configure.values():
            batch = self._batch(target, taken)
            if batch:
                taken |= {host_id for host_id, _ in batch}
                yield Step(Kind.CONFIGURE, target.name, digest(sorted(batch)), batch)

    def checks(self) -> Iterator[Step]:
        for target in self.desired.checks.values():
            if target.name in self.observed.checks or self.observed.done_or_doing(Kind.VERIFY, target.name):
                continue
            if self._may_check(target):
                yield Step(
                    Kind.VERIFY, target.name, digest([target.kind, self.resolvable(target.spec)], self.desired.key)
                )

    # --- on the way down

    def destroy_plans(self) -> Iterator[Step]:
        for stack in self.desired.stacks.values():
            known = stack.name in self.observed.plans or stack.name in self.observed.gone
            if known or self.observed.done_or_doing(Kind.PLAN, stack.name):
                continue
            if all(self._out_of_the_way(d) for d in self.desired.dependents(stack.name)):
                yield Step(Kind.PLAN, stack.name, digest(["destroy", stack.name]))

    def destroys(self) -> Iterator[Step]:
        for name, plan in self.observed.plans.items():
            if name in self.observed.gone or self.observed.done_or_doing(Kind.DESTROY, name):
                continue
            if plan.applyable and not plan.errored:
                yield Step(Kind.DESTROY, name, plan.digest)

    def proofs(self) -> Iterator[Step]:
        over = all(self._out_of_the_way(s) for s in self.desired.stacks)
        subject = str(self.desired.ref)
        if over and self.observed.proof is None and not self.observed.done_or_doing(Kind.PROVE, subject):
            yield Step(Kind.PROVE, subject)

    def _out_of_the_way(self, stack: str) -> bool:
        """Gone, or failed for this run: a teardown marches on."""
        failed = self.observed.failed(Kind.PLAN, stack) or self.observed.failed(Kind.DESTROY, stack)
        return stack in self.observed.gone or failed

    # --- hosts

    @property
    def ready_hosts(self) -> Mapping[str, Host]:
        """Every host that is ready and trusted, by id, with its connection as it is used."""
        return {i: self.reached(r.host) for i, r in self.observed.ready.items()}

    def reached(self, host: Host) -> Host:
        """The host with the references in its connection resolved, where they can be already."""
        resolved = self.resolvable([host.connection.user, host.connection.jump])
        if resolved is None:
            return host
        user, jump = (str(part) for part in resolved)
        return replace(host, connection=replace(host.connection, user=user, jump=jump))

    def wanted(self, host: Host) -> bool:
        """Whether a part of the blueprint is about this host, or the way to others leads over it."""
        return any(s.matches(host) for s in self.desired.selectors) or self._is_jump(host)

    def _is_jump(self, host: Host) -> bool:
        jumps = {s.defaults.jump for s in self.desired.stacks.values()} - {""}
        known = (self.resolvable(jump) for jump in jumps)
        addresses = {host.connection.address, *map(str, host.facts.values())}
        return any(jump_address(str(jump)) in addresses for jump in known if jump)

    def doomed(self, host: Host) -> bool:
        """Whether the plan in hand destroys this host: it must not be configured on its way out."""
        plan = self.observed.plans.get(host.stack)
        return host.stack not in self.observed.settled and plan is not None and host.id in plan.doomed_ids

    def matching(self, selector: Selector) -> tuple[Host, ...]:
        """Hosts seen so far that a selector matches, by name."""
        hosts = (h for h in self.observed.hosts.values() if selector.matches(h) and not self.doomed(h))
        return tuple(sorted(hosts, key=lambda h: (h.name, h.id)))

    def final(self, selector: Selector) -> bool:
        """Whether every stack that could hold a matching host has had its last word."""
        stacks = [selector.stack] if selector.stack else list(self.desired.stacks)
        return all(s in self.observed.settled for s in stacks)

    def configuration_digest(self, target: ConfigureTarget, host_id: str, variables: Mapping[str, Any] | None) -> str:
        """What decides a host's configuration under a step: its identity, how it is entered, and what is run there."""
        host = self.reached(self.observed.ready[host_id].host)
        become = host.connection.become if target.become is None else target.become
        entered = [host.identity, host.connection.user, become]
        return digest([target.fingerprint, variables, entered], self.desired.key)

    def _batch(self, target: ConfigureTarget, taken: set[str]) -> tuple[tuple[str, str], ...]:
        """(host id, digest) of every host that this step may and must configure now."""
        if not self._may_configure(target):
            return ()
        variables = self.resolvable(target.variables)
        hosts = [h for h in self.matching(target.selector) if h.id in self.observed.ready]
        todo = [
            (h.id, self.configuration_digest(target, h.id, variables))
            for h in hosts
            if h.id not in taken and not self.observed.failed(Kind.CONFIGURE, f"{target.name}@{h.id}")
        ]
        if variables is not None:
            todo = [(i, d) for i, d in todo if not self.journal.configured(target.name, i, d)]
        return tuple(todo[: self._room(target)])

    def _room(self, target: ConfigureTarget) -> int | None:
        """How many more hosts `serial` lets in now; None is no limit. One failed host stops those behind it."""
        if not target.serial:
            return None
        if any(k.startswith(f"{Kind.CONFIGURE}:{target.name}@") for k in self.observed.failures):
            return 0
        if isinstance(target.serial, str) and not self.final(target.selector):
            return 0
        total = len(self.matching(target.selector))
        limit = target.serial if isinstance(target.serial, int) else total * int(target.serial.rstrip("%")) // 100
        busy = sum(
            len(s.hosts) for s in self.observed.in_flight if s.kind is Kind.CONFIGURE and s.subject == target.name
        )
        return max(0, max(1, limit) - busy)

    def _may_configure(self, target: ConfigureTarget) -> bool:
        return (
            target.stacks <= self.observed.settled.keys()
            and all(self.step_complete(s) for s in target.steps)
            and all(self.check_passed(c) for c in target.checks)
        )

    def _may_check(self, target: CheckTarget) -> bool:
        if not (
            target.stacks <= self.observed.settled.keys()
            and all(self.step_complete(s) for s in target.steps)
            and all(self.check_passed(c) for c in target.checks)
        ):
            return False
        if target.selector is None:
            return True
        hosts = self.matching(target.selector)
        return self.final(target.selector) and bool(hosts) and all(h.id in self.observed.ready for h in hosts)

    # --- what is done

    @property
    def orphans(self) -> tuple[str, ...]:
        """Stacks of earlier runs that the blueprint no longer has: nobody can plan them, so nobody says they are gone."""
        return tuple(sorted(self.journal.standing - self.desired.stacks.keys()))

    def check_passed(self, name: str) -> bool:
        result = self.observed.checks.get(name)
        return result is not None and result.passed

    def step_complete(self, name: str) -> bool:
        """Whether a configure step is done: its hosts are all known, and each has a success under today's digest."""
        target = self.desired.configure[name]
        if not self._may_configure(target) or not self.final(target.selector):
            return False
        variables = self.resolvable(target.variables)
        return variables is not None and all(
            h.id in self.observed.ready
            and self.journal.configured(name, h.id, self.configuration_digest(target, h.id, variables))
            for h in self.matching(target.selector)
        )

    @property
    def complete(self) -> bool:
        """Whether the goal is reached: on the way up everything stands and every check passed; down, nothing is left."""
        match self.desired.goal:
            case Goal.PLAN:
                return not self.observed.failures and next(self.plans(), None) is None
            case Goal.UP:
                return (
                    self.desired.stacks.keys() <= self.observed.settled.keys()
                    and all(self.step_complete(n) for n in self.desired.configure)
                    and all(self.check_passed(n) for n in self.desired.checks)
                )
            case Goal.DOWN:
                return self.observed.proof is not None and not self.observed.proof.left

    def _may_plan(self, stack: StackTarget) -> bool:
        if self.desired.goal is not Goal.PLAN:
            return stack.needs <= self.observed.settled.keys()
        if not stack.needs <= self.observed.plans.keys():
            return False
        try:
            self.resolve(stack.variables)
        except NotKnownYet:
            return False
        except ReferenceUnresolved:
            pass
        return True

    def _stack_digest(self, stack: StackTarget) -> str:
        return digest([stack.fingerprint, self.resolvable(stack.variables), self.desired.tags], self.desired.key)
