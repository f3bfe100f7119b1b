"""What each kind of step does through the ports. A decision is never taken here: the conductor has taken it."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar, assert_never

from lifecycle.applying import Applying
from lifecycle.blueprint.references import ReferenceUnresolved
from lifecycle.configuration import Configuration, Configured, HostResult, HostStatus
from lifecycle.desired import Desired, Goal, StackTarget
from lifecycle.errors import CUT_OFF, BatonError, of_system
from lifecycle.events import Event, Level, Say
from lifecycle.handoff import hosts_from_outputs
from lifecycle.inventory import Host
from lifecycle.journal import Journal, Kind, Outcome, Status, Step
from lifecycle.judging import judged
from lifecycle.observed import Observed, Planned, Rehearsed, Settled
from lifecycle.outcomes import configure_outcome, plan_detail, plan_words
from lifecycle.plan import Outputs, Plan, Severity
from lifecycle.playing import played
from lifecycle.ports import ENVIRONMENT_TAG, STACK_TAG, Cancellation, Cancelled, PartCancellation, Ports, Run, StackSpec
from lifecycle.proving import prove
from lifecycle.resuming import interrupted, reconciled
from lifecycle.retries import insist
from lifecycle.reviewing import Reviewing
from lifecycle.verification import Check
from lifecycle.view import View

LEAVING: Final = "baton_leaving"
"""The variable of a drain's playbook: the hosts that leave, each with name, id, address, groups and what else is known."""

LEDGERED: Final = {"state.unlocking": "baton.state.unlocked"}
"""Events that are in the ledger before what they tell is done: an adapter's own act on somebody else's property."""
Note = Callable[[Step, str, str, Mapping[str, Any]], None]
"""(step, type of the entry, message, data) → an entry of the ledger. Raises LostLock where this run may not write any more."""

T = TypeVar("T")


def note_nothing(*_: Any) -> None:
    """A `Note` for rehearsals without a ledger."""


class Acts:
    """Carries out steps. One instance per run; safe to use from several threads."""

    def __init__(
        self,
        desired: Desired,
        ports: Ports,
        cancel: Cancellation,
        note: Note = note_nothing,
        run_number: Callable[[], int] = lambda: 0,
    ) -> None:
        self._run_number = run_number
        self._desired = desired
        self._note = note
        self._ports = ports
        self._cancel = cancel
        self._cancels: dict[Step, PartCancellation] = {}

    def carry_out(self, step: Step, view: View) -> Outcome:
        """Do the step and say how it ended. Never raises: what goes wrong is the outcome."""
        try:
            if self._cancel_of(step).requested:  # it waited for its turn too long
                raise Cancelled("not begun: the run was stopped before its turn")
            return self._dispatch(step, view)
        except Cancelled as error:
            return Outcome(step, Status.CANCELLED, error.message, error.hint)
        except BatonError as error:
            status = Status.CANCELLED if self._cancel_of(step).requested else Status.FAILED
            detail = {CUT_OFF: True} if error.facts.get(CUT_OFF) else {}
            return Outcome(step, status, error.message, error.hint, detail=detail, exit_code=error.exit_code)
        except Exception as error:
            if isinstance(error, OSError) and (known := of_system(error)):
                return Outcome(step, Status.FAILED, known.message, known.hint)
            self._say(step)("internal.error", traceback.format_exc(), level=Level.ERROR)
            hint = "this is a fault of Baton's own: its log holds the details"
            return Outcome(step, Status.FAILED, f"{type(error).__name__}: {error}", hint)

    def stop(self, step: Step, reason: str) -> None:
        """Stop one step; the others go on."""
        self._cancel_of(step).stop(reason)

    def _cancel_of(self, step: Step) -> PartCancellation:
        return self._cancels.setdefault(step, PartCancellation(self._cancel))

    def _dispatch(self, step: Step, view: View) -> Outcome:
        match step.kind:
            case Kind.PLAN:
                return self._plan(step, view)
            case Kind.PREDICT:
                return self._predict(step, view)
            case Kind.REHEARSE:
                return self._rehearse(step, view)
            case Kind.REVIEW:
                return Reviewing(view, self._ports.assessor, self._run_number(), self._ports.clock.now()).outcome(step)
            case Kind.JUDGE:
                return self._judge(step, view)
            case Kind.APPLY:
                return self._apply(step, view)
            case Kind.DESTROY:
                return self._destroy(step, view)
            case Kind.DISCOVER:
                return self._discover(step, view)
            case Kind.AWAIT:
                return self._await(step, view)
            case Kind.DRAIN:
                return self._drain(step, view)
            case Kind.CONFIGURE:
                return self._configure(step, view)
            case Kind.VERIFY:
                return self._verify(step, view)
            case Kind.PROVE:
                return prove(step, view, self._ports, self._run(step))
            case _:
                assert_never(step.kind)

    # --- stacks

    def _plan(self, step: Step, view: View) -> Outcome:
        target = self._desired.stacks[step.subject]
        destroy = self._desired.goal is Goal.DOWN
        spec = self._spec_on_the_way_down(target, step) if destroy else self._spec(target, view)
        plan = self._insist(step, lambda: self._planned(step, spec, view))
        if plan.errored:
            errors = [d for d in plan.diagnostics if d.severity is Severity.ERROR]
            where = f"{errors[0].where}: " if errors and errors[0].where else ""
            message = f"{where}{errors[0].summary}" if errors else "the plan failed"
            return Outcome(step, Status.FAILED, message, errors[0].detail if errors else "", result=Planned(plan))
        for warning in (d for d in plan.diagnostics if d.severity is Severity.WARNING):
            words = f"{warning.where}: {warning.summary}" if warning.where else warning.summary
            self._say(step)("plan.warning", f"{words}. {warning.detail}".strip(), level=Level.WARNING)
        settled = None
        if not plan.applyable and not destroy:
            settled = _settled(target, plan.outputs)
        return Outcome(
            step,
            Status.OK,
            plan_words(plan),
            result=Planned(plan, settled),
            detail=plan_detail(plan),
            changed=plan.applyable,
        )

    def _predict(self, step: Step, view: View) -> Outcome:
        """Look ahead to what a stack would become, with what is foreseen of what it is given."""
        target = self._desired.stacks[step.subject]
        known, unknown = view.inputs_of(target)
        spec = self._spec_of(target, known)
        plan = self._insist(step, lambda: self._ports.provisioner.predict(spec, unknown, self._run(step)))
        if not plan.fidelity.tells:
            reason = plan.diagnostics[0].summary if plan.diagnostics else "it cannot be foreseen"
            return Outcome(step, Status.OK, f"not foreseen: {reason}", result=Planned(plan))
        words = f"{plan_words(plan)} (predicted)"
        return Outcome(step, Status.OK, words, result=Planned(plan), detail=plan_detail(plan), changed=plan.applyable)

    def _planned(self, step: Step, spec: StackSpec, view: View) -> Plan:
        """The plan, after the world was looked at where an earlier apply has no good end. May be asked for again."""
        run = self._run(step)
        plan = self._ports.provisioner.plan(spec, run, destroy=self._desired.goal is Goal.DOWN)
        if self._desired.goal is Goal.UP and not plan.errored and interrupted(view, step.subject):
            return reconciled(plan, spec, view, self._ports, run)
        return plan

    def _apply(self, step: Step, view: View) -> Outcome:
        target = self._desired.stacks[step.subject]
        plan = view.observed.plans[step.subject]
        applied = Applying(self._spec(target, view), plan, self._ports, self._run(step)).carried_out()
        settled = _settled(target, applied.outputs)
        return Outcome(
            step, Status.OK, plan_words(plan, done=True), result=settled, detail=plan_detail(plan), changed=True
        )

    def _judge(self, step: Step, view: View) -> Outcome:
        """Judge what an apply made, where the review did not know enough."""
        spec = self._spec(self._desired.stacks[step.subject], view)
        plan, provisioner = view.observed.plans[step.subject], self._ports.provisioner
        known = self._insist(step, lambda: provisioner.as_applied(spec, plan, self._run(step)))
        return judged(step, view, known, self._ports.assessor)

    def _destroy(self, step: Step, view: View) -> Outcome:
        spec = self._spec_on_the_way_down(self._desired.stacks[step.subject], step)
        plan = view.observed.plans[step.subject]
        Applying(spec, plan, self._ports, self._run(step)).carried_out()
        return Outcome(
            step, Status.OK, plan_words(plan, done=True), result=Settled(), detail=plan_detail(plan), changed=True
        )

    def _insist(self, step: Step, attempt: Callable[[], T]) -> T:
        return insist(attempt, self._ports.backoff, self._say(step), self._cancel_of(step).wait)

    def _spec(self, target: StackTarget, view: View) -> StackSpec:
        return self._spec_of(target, view.resolve(target.variables))

    def _spec_of(self, target: StackTarget, variables: Mapping[str, Any]) -> StackSpec:
        tags = {**self._desired.tags, ENVIRONMENT_TAG: str(self._desired.ref), STACK_TAG: target.name}
        return StackSpec(self._desired.ref, target.name, target.source, variables, tags)

    def _spec_on_the_way_down(self, target: StackTarget, step: Step) -> StackSpec:
        """A spec for destroying: what cannot be resolved any more is left out, the provisioner remembers it."""
        view = View(self._desired, _NO_JOURNAL, _observed_with(self._known_outputs(target, step)))
        variables: dict[str, Any] = {}
        for name, template in target.variables.items():
            try:
                variables[name] = view.resolve(template)
            except ReferenceUnresolved:
                continue
        return self._spec_of(target, variables)

    def _known_outputs(self, target: StackTarget, step: Step) -> Mapping[str, Outputs]:
        known = {}
        for need in sorted(target.needs):
            bare = StackSpec(self._desired.ref, need, self._desired.stacks[need].source)
            try:
                known[need] = self._ports.provisioner.outputs(bare, self._run(step))
            except Cancelled:
                raise
            except BatonError as error:
                words = f"the outputs of stack {need} are not known any more: {error.message}"
                self._say(step)("outputs.unknown", words, level=Level.WARNING)
        return known

    # --- hosts

    def _discover(self, step: Step, view: View) -> Outcome:
        self._cancel.wait(self._ports.discovery_period)
        target = self._desired.stacks[step.subject]

        def look() -> Sequence[Host]:
            return self._ports.hosts.discover(self._desired.ref, step.subject)

        try:  # where no apply works, somebody's leaving depends on this look
            seen = look() if view.observed.busy(Kind.APPLY, step.subject) else self._insist(step, look)
        except BatonError as error:
            if not view.observed.busy(Kind.APPLY, step.subject):
                raise
            # only a look ahead: the apply's outputs have the last word
            self._say(step)("host.discovery.failed", error.message, level=Level.WARNING)
            seen = ()
        known = tuple(target.defaults.fill(h) for h in seen if target.defaults.enterable(h))
        return Outcome(step, Status.OK, result=known)

    def _await(self, step: Step, view: View) -> Outcome:
        if unclear := view.unclear_way(view.observed.hosts[step.subject]):
            raise unclear
        host = view.reached(view.observed.hosts[step.subject])
        patience = self._desired.stacks[host.stack].defaults.ready_deadline
        ready = self._ports.hosts.await_ready(host, self._run(step, patience))
        detail = {"host": host.name, "trusted_by": ready.trusted_by.value, "rungs": dict(ready.rungs)}
        return Outcome(
            step, Status.OK, f"{host.name} is ready, trusted by {ready.trusted_by}", result=ready, detail=detail
        )

    def _drain(self, step: Step, view: View) -> Outcome:
        """Tell hosts which others are about to be destroyed, and let them act on it."""
        target = self._desired.configure[step.subject]
        drain = target.drain
        assert drain is not None
        leaving = [view.observed.standing[host_id] for host_id in step.leaving]
        variables = {**view.resolve(drain.variables), LEAVING: [_as_variable(host) for host in leaving]}
        outcome = self._play(step, view, f"{target.name} drain", drain.playbook, variables, drain.deadline)
        names = ", ".join(h.name for h in leaving)
        if outcome.status is Status.OK:
            return replace(outcome, message=f"{names} {'has' if len(leaving) == 1 else 'have'} left {target.name}")
        hint = f"nothing was destroyed: mend it and run `baton up` again; where {target.name} cannot be told any more, let `drain.required` be false"
        return replace(outcome, hint=hint)

    def _configure(self, step: Step, view: View) -> Outcome:
        target = self._desired.configure[step.subject]
        variables = view.resolve(target.variables)
        return self._play(step, view, target.name, target.playbook, variables, target.deadline)

    def _rehearse(self, step: Step, view: View) -> Outcome:
        """Look at what a configure step would change. What cannot be said is said so: a look fails for nobody."""
        target = self._desired.configure[step.subject]
        variables = view.foreseen(target.variables)
        asked = self._configuration(step, view, target.name, target.playbook, variables, target.deadline)
        try:
            configured = self._ports.configurator.configure(
                replace(asked, check=True), self._run(step, target.deadline)
            )
        except Cancelled:
            raise
        except BatonError as error:
            bad = (HostResult(h.name, HostStatus.FAILED, message=error.message) for h in asked.hosts)
            configured = Configured(tuple(bad))
        results = {h.id: r for h, r in zip(asked.hosts, configured.hosts, strict=False)}
        changes = sum(len(r.changes) for r in results.values())
        words = f"{changes} {'task' if changes == 1 else 'tasks'} would change something"
        return Outcome(step, Status.OK, words, result=Rehearsed(results), good_hosts=frozenset(results))

    def _play(
        self, step: Step, view: View, name: str, playbook: Path, variables: Mapping[str, Any], deadline: timedelta
    ) -> Outcome:
        """Run a playbook on the step's hosts."""
        configuration = self._configuration(step, view, name, playbook, variables, deadline)
        stacks = self._desired.stacks
        configured = played(
            configuration, self._ports, self._run(step, deadline), lambda h: stacks[h.stack].defaults.ready_deadline
        )
        return configure_outcome(step, configuration.hosts, configured)

    def _configuration(
        self, step: Step, view: View, name: str, playbook: Path, variables: Mapping[str, Any], deadline: timedelta
    ) -> Configuration:
        """A playbook for the step's hosts; the inventory holds every host that is ready."""
        become = self._desired.configure[step.subject].become
        ready = view.ready_hosts
        chosen = tuple(_entered(ready[host_id], become) for host_id, _ in step.hosts)
        everybody = tuple(sorted(ready.values(), key=lambda h: h.name))
        return Configuration(name, playbook, chosen, everybody, variables, deadline=deadline)

    # --- checks

    def _verify(self, step: Step, view: View) -> Outcome:
        target = self._desired.checks[step.subject]
        hosts: tuple[Host, ...] = ()
        if target.selector is not None:
            ready = view.ready_hosts
            hosts = tuple(ready[h.id] for h in view.matching(target.selector))
        check = Check(target.name, target.kind, view.resolve(target.spec), target.vantage, hosts, target.thresholds)
        result = self._ports.prober.probe(check, self._run(step, target.thresholds.deadline))
        evidence = [asdict(a) | {"at": a.at.isoformat()} for a in result.evidence]
        detail = {"passed": result.passed, "attempts": result.attempts, "evidence": evidence}
        status = Status.OK if result.passed else Status.FAILED
        return Outcome(step, status, result.summary, result=result, detail=detail)

    # --- saying

    def _run(self, step: Step, deadline: timedelta = timedelta(hours=1)) -> Run:
        return Run(self._say(step), self._cancel_of(step), deadline)

    def _say(self, step: Step) -> Say:
        def say(type: str, message: str, level: Level = Level.INFO, **data: Any) -> None:
            if type in LEDGERED:
                self._note(step, LEDGERED[type], message, data)
            self._ports.sink(Event(self._ports.clock.now(), type, message, step.key, level, data))

        return say


def _settled(target: StackTarget, outputs: Outputs) -> Settled:
    return Settled(outputs, hosts_from_outputs(target.name, outputs, target.mapping, target.defaults))


def _as_variable(host: Host) -> dict[str, Any]:
    """What a playbook is told of a host that leaves."""
    return {
        "name": host.name,
        "id": host.id,
        "address": host.connection.address,
        "groups": list(host.groups),
        **host.facts,
    }


def _entered(host: Host, become: bool | None) -> Host:
    return host if become is None else replace(host, connection=replace(host.connection, become=become))


def _observed_with(outputs: Mapping[str, Outputs]) -> Observed:
    return Observed(settled={name: Settled(values) for name, values in outputs.items()})


_NO_JOURNAL = Journal()
