"""A provisioner over the world in memory. Same port, same promises: exact plans, stale tokens refused."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.fake.world import FakeModule, FakeWorld, Instance, StackState, tags_of
from lifecycle.digest import digest
from lifecycle.errors import BatonError, Trouble
from lifecycle.plan import Action, Applied, Diagnostic, Fidelity, Output, Outputs, Plan, ResourceChange, Severity
from lifecycle.ports import Cancelled, Run, StackSpec


class InUse(BatonError):
    """A stack does not go while something uses it."""

    trouble = Trouble.IN_USE


class Silent(BatonError):
    """The cloud does not answer."""

    trouble = Trouble.UNREACHABLE


class FakeProvisioner:
    """Stacks are modules of the world, found by the last part of their source path."""

    def __init__(self, world: FakeWorld) -> None:
        self.world = world

    def fingerprint(self, source: Path) -> str:
        return self.world.fingerprints.get(source.name, source.name)

    def files(self, source: Path) -> Iterable[Path]:
        return ()

    def validate(self, stack: StackSpec, run: Run) -> Sequence[Diagnostic]:
        return ()

    def plan(self, stack: StackSpec, run: Run, *, destroy: bool = False) -> Plan:
        self._begin(f"plan {stack.name}", run)
        with self.world.lock:
            if self.world.passes(f"plan {stack.name}"):
                raise Silent(f"the cloud did not answer the plan of {stack.name}")
            changes = self._destroying(stack) if destroy else self._changes(stack)
            state = self.world.states.get(stack.name)
            outputs_changed = not destroy and (state is None or dict(state.variables) != dict(stack.variables))
            applyable = any(c.action.acts for c in changes) or outputs_changed or (destroy and state is not None)
            token = self._token(stack, destroy)
            outputs = {} if applyable else self._outputs(stack)
            return Plan(
                stack.name, token, changes=tuple(changes), outputs=outputs, outputs_changed=outputs_changed,
                token=token, destroy=destroy, applyable=applyable,
            )  # fmt: skip

    def predict(self, stack: StackSpec, unknown: frozenset[str], run: Run) -> Plan:
        if not unknown:
            return replace(self.plan(stack, run), fidelity=Fidelity.PREDICTED, token="")
        self._begin(f"predict {stack.name}", run)
        with self.world.lock:
            name = digest([stack.name, dict(stack.variables), sorted(unknown)])
            if stack.name in self.world.states:
                reason = f"it stands already, and {', '.join(sorted(unknown))} is known only after others are applied"
                warning = Diagnostic(Severity.WARNING, reason)
                return Plan(stack.name, name, Fidelity.NONE, diagnostics=(warning,), complete=False)
            made = self._module(stack).hosts(stack.variables)
            changes = [self._with_values(stack, _change(n, Action.CREATE, None, stack.name)) for n in made]
            return Plan(stack.name, name, Fidelity.PREDICTED, tuple(changes), applyable=True)

    def apply(self, stack: StackSpec, plan: Plan, run: Run) -> Applied:
        verb = "destroy" if plan.destroy else "apply"
        self._begin(f"{verb} {stack.name}", run)
        with self.world.lock:
            self.world.count(f"{verb} stack {stack.name}")
            if self.world.fails(f"apply {stack.name}"):
                raise BatonError(f"the provider refused to apply {stack.name}")
            if plan.destroy and self.world.passes(f"destroy {stack.name}"):
                raise InUse(f"something still uses {stack.name}")
            if plan.token != self._token(stack, plan.destroy):
                raise BatonError(f"the plan of {stack.name} is stale")
            if not plan.destroy and self.world.passes(f"apply {stack.name}"):
                self._lose_the_first(stack, plan)
                raise Silent(f"the cloud did not answer the apply of {stack.name}")
        for change in plan.acting:
            if run.cancel.requested:
                raise Cancelled(f"{stack.name}: the apply was stopped ({run.cancel.reason})")
            with self.world.lock:
                made = self._carry_out(stack, change)
            self.world.moment(f"{verb} {stack.name}: {change.address} done", made)
        with self.world.lock:
            applied = self._write_state(stack, plan)
        self.world.moment(f"{verb} {stack.name}: end")
        return applied

    def _begin(self, what: str, run: Run) -> None:
        """Before a tool is started: it is not, where the run has lost its right to."""
        self.world.moment(f"{what}: begin")
        run.cancel.before_tool()

    def _write_state(self, stack: StackSpec, plan: Plan) -> Applied:
        if plan.destroy:
            self.world.states.pop(stack.name, None)
            return Applied()
        module = self._module(stack)
        self.world.states[stack.name] = StackState(dict(stack.variables), dict(module.outputs(stack.variables)))
        return Applied(self._outputs(stack), tuple(c.address for c in plan.acting))

    def as_applied(self, stack: StackSpec, plan: Plan, run: Run) -> Plan:
        self._begin(f"look at {stack.name}", run)
        with self.world.lock:
            if self.world.passes(f"look at {stack.name}"):
                raise Silent(f"the cloud did not answer a look at {stack.name}")
            if self.world.fails(f"look at {stack.name}"):
                raise BatonError(f"the state of {stack.name} cannot be read")
            return replace(plan, changes=tuple(self._with_values(stack, c, made=True) for c in plan.changes))

    def adopt(self, stack: StackSpec, address: str, id: str, run: Run) -> None:
        self._begin(f"adopt {address}", run)
        with self.world.lock:
            self.world.instances[id].known = True
            self.world.count(f"adopt {address}")
        self.world.moment(f"adopt {address}: end")

    def keep(self, stack: StackSpec, address: str, run: Run) -> None:
        self._begin(f"keep {address}", run)
        with self.world.lock:
            for instance in self.world.in_state(stack.name):
                if address == f"host.{instance.name}":
                    instance.tainted = False
                    self.world.count(f"keep {address}")
        self.world.moment(f"keep {address}: end")

    def outputs(self, stack: StackSpec, run: Run) -> Outputs:
        with self.world.lock:
            return self._outputs(stack)

    def resources(self, stack: StackSpec, run: Run) -> Sequence[str]:
        with self.world.lock:
            hosts = [f"host.{i.name}" for i in self.world.in_state(stack.name)]
            return [*hosts, *([f"stack.{stack.name}"] if stack.name in self.world.states else [])]

    def forget(self, stack: StackSpec) -> None:
        if self.resources(stack, Run()):
            raise BatonError(f"stack {stack.name} still has resources")

    # ---

    def _module(self, stack: StackSpec) -> FakeModule:
        return self.world.modules[stack.source.name]

    def _lose_the_first(self, stack: StackSpec, plan: Plan) -> None:
        """What is made and not answered: it exists, and no state knows it."""
        made = next((c for c in plan.acting if c.action is Action.CREATE), None)
        if made:
            self._carry_out(stack, made)
            self.world.named(made.address.partition(".")[2]).known = False

    def _token(self, stack: StackSpec, destroy: bool) -> str:
        alive = [(i.id, i.name, i.alive, i.tainted) for i in self.world.in_state(stack.name)]
        return digest([stack.name, dict(stack.variables), destroy, alive])

    def _changes(self, stack: StackSpec) -> list[ResourceChange]:
        wanted = self._module(stack).hosts(stack.variables)
        have = {i.name: i for i in self.world.in_state(stack.name) if i.alive}
        changes = [_change(name, Action.CREATE, None, stack.name) for name in wanted if name not in have]
        changes += [_change(name, Action.DELETE, i) for name, i in have.items() if name not in wanted]
        stay = {name: i for name, i in have.items() if name in wanted}
        changes += [_change(n, Action.REPLACE if i.tainted else Action.NOOP, i) for n, i in stay.items()]
        return [self._with_values(stack, change) for change in changes]

    def _with_values(self, stack: StackSpec, change: ResourceChange, *, made: bool = False) -> ResourceChange:
        """With the attributes that are known only of what exists."""
        later = self._module(stack).later(stack.variables)
        if not later or change.action is Action.DELETE:
            return change
        known = made or change.action is Action.NOOP
        return replace(change, after=dict(later) if known else {}, unknown=() if known else tuple(later))

    def _destroying(self, stack: StackSpec) -> list[ResourceChange]:
        return [_change(i.name, Action.DELETE, i) for i in self.world.in_state(stack.name)]

    def _carry_out(self, stack: StackSpec, change: ResourceChange) -> Instance | None:
        """Do one change; the host that it made."""
        name = change.address.partition(".")[2]
        if change.action in (Action.CREATE, Action.REPLACE):
            for dead in [i for i in self.world.in_state(stack.name) if i.name == name]:
                del self.world.instances[dead.id]
            return self.world.create(stack.name, name, self._module(stack).hosts(stack.variables)[name])
        if change.action is Action.DELETE and change.physical_id in self.world.instances:
            self.world.destroy(self.world.instances[change.physical_id])
        return None

    def _outputs(self, stack: StackSpec) -> Outputs:
        state = self.world.states.get(stack.name)
        if state is None:
            return {}
        hosts: Mapping[str, Any] = {i.name: _host_output(i) for i in self.world.in_state(stack.name)}
        return {"hosts": Output(hosts), **{k: Output(v) for k, v in state.outputs.items()}}


def _change(name: str, action: Action, instance: Instance | None, stack: str = "") -> ResourceChange:
    physical_id = instance.id if instance else ""
    tainted = instance is not None and instance.tainted
    return ResourceChange(
        f"host.{name}",
        "host",
        action,
        physical_id,
        tags=tags_of(stack, name) if stack else None,
        is_host=True,
        tainted=tainted,
    )


def _host_output(instance: Instance) -> dict[str, Any]:
    return {"id": instance.id, "address": f"10.0.0.{instance.id}", "groups": list(instance.groups)}
