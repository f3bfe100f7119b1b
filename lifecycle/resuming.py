"""Looks before it acts: after an apply whose end is not known, what it made is found, adopted or kept, and never made twice."""

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta

from lifecycle.errors import CUT_OFF, BatonError
from lifecycle.events import Level
from lifecycle.inventory import Host
from lifecycle.journal import Kind, Status
from lifecycle.plan import Plan
from lifecycle.ports import Cancelled, CloudResource, Ports, Run, StackSpec
from lifecycle.strays import Adoption, Undecided, decide, find
from lifecycle.view import View

PATIENCE = timedelta(seconds=90)
"""How long a tainted host may take to show that it is well: it was being made when its apply was interrupted."""


class StraysUndecided(BatonError):
    """Something exists that an interrupted apply may have made, and which resource it is cannot be told."""


def interrupted(view: View, stack: str) -> bool:
    """Whether the last apply of a stack has no good end that is known."""
    record = view.journal.get(Kind.APPLY, stack)
    return record is not None and not record.succeeded


def reconciled(plan: Plan, spec: StackSpec, view: View, ports: Ports, run: Run) -> Plan:
    """The plan after the world was looked at: strays are adopted, healthy hosts that only an interrupt tainted are kept.

    Raises StraysUndecided, naming what decides it, rather than let a second one be made.
    """
    record = view.journal.get(Kind.APPLY, spec.name)
    since = record.intended_at if record else ports.clock.now()
    adopted = taken_over(plan, spec, ports, run, since)
    kept = _keep(plan, spec, view, ports, run)
    return ports.provisioner.plan(spec, run) if adopted or kept else plan


def taken_over(plan: Plan, spec: StackSpec, ports: Ports, run: Run, since: datetime) -> bool:
    """Adopt what exists under the stack's tag and is certainly what the plan would make; whether there was anything. What is
    spare, and made after `since`, when the apply was begun, goes instead.

    Raises StraysUndecided.
    """
    strays = find(plan, spec.name, ports.cloud.tagged(spec.environment))
    decision = decide(plan, strays, since)
    _discard(decision.spare, spec, ports, run)
    for adoption in decision.adopted:
        resource = adoption.resource
        words = (
            f"{resource.type} {resource.id} was made by the interrupted apply: it is taken over as {adoption.address}"
        )
        run.say("stack.adopting", words, level=Level.WARNING, address=adoption.address, id=resource.id)
        try:
            ports.cloud.finish(resource)
            ports.provisioner.adopt(spec, adoption.address, resource.id, run)
        except Cancelled:
            raise
        except BatonError as error:
            raise _cannot_adopt(spec, adoption, error) from error
    if decision.undecided:
        raise _cannot_decide(spec, decision.undecided)
    return bool(decision.adopted)


def _discard(spare: Sequence[CloudResource], spec: StackSpec, ports: Ports, run: Run) -> None:
    if not spare:
        return
    for resource in spare:
        words = f"{resource.type} {resource.id} was made by the interrupted apply and is lost to Terraform: it goes, and is made anew"
        run.say("stack.discarding", words, level=Level.WARNING, id=resource.id)
    left = ports.cloud.remove(spare, run).left
    if left:
        stray, reason = next(iter(left.items()))
        raise StraysUndecided(
            f"{stray} was made by an interrupted apply of stack {spec.name} and does not go: {reason}",
            hint=f"run again; if it stays: baton stray {spec.environment} {stray} --remove",
            facts={"strays": list(left)},
        )


def _cannot_adopt(spec: StackSpec, adoption: Adoption, error: BatonError) -> StraysUndecided:
    """Every run would come to the same end here: a person has to know the way out."""
    resource = adoption.resource
    cannot = StraysUndecided(
        f"{resource.type} {resource.id} is {adoption.address} and could not be taken over: {error.message}",
        hint=f"run again; if it stays: baton stray {spec.environment} {resource.id} --remove",
        facts={**error.facts, "strays": [resource.id]},
    )
    cannot.trouble = error.trouble  # a cloud that throttles is asked again in this run
    return cannot


def _cannot_decide(spec: StackSpec, undecided: Sequence[Undecided]) -> StraysUndecided:
    first = undecided[0]
    names = ", ".join(f"{u.resource.type} {u.resource.id}" for u in undecided)
    which = " or ".join(first.candidates) if first.candidates else "none that the plan creates"
    address = first.candidates[0] if first.candidates else "ADDRESS"
    return StraysUndecided(
        f"{names} carries the tags of stack {spec.name} and is not in its state; it could be {which}",
        hint=f"if it is: baton stray {spec.environment} {first.resource.id} --address {shlex.quote(address)}; "
        f"if it is to go: baton stray {spec.environment} {first.resource.id} --remove",
        facts={"strays": [u.resource.id for u in undecided]},
    )


def _keep(plan: Plan, spec: StackSpec, view: View, ports: Ports, run: Run) -> bool:
    """Keep healthy hosts that are tainted, where the apply was cut off; where it failed Terraform has a reason of its own."""
    record = view.journal.get(Kind.APPLY, spec.name)
    if record is not None and record.status is Status.FAILED and not record.detail.get(CUT_OFF):
        return False
    tainted = {c.physical_id: c.address for c in plan.changes if c.tainted and c.physical_id}
    if not tainted:
        return False
    running = {h.id: h for h in ports.hosts.discover(spec.environment, spec.name)}
    well = [i for i in tainted if i in running and _is_well(running[i], view, ports, run)]
    for host_id in well:
        words = f"{running[host_id].name} ({host_id}) was only interrupted and is well: it is kept"
        run.say("stack.keeping", words, level=Level.WARNING, address=tainted[host_id], id=host_id)
        ports.provisioner.keep(spec, tainted[host_id], run)
    return bool(well)


def _is_well(host: Host, view: View, ports: Ports, run: Run) -> bool:
    """Whether the ladder is climbed to its end. A host that cannot be reached from here yet is not known to be well."""
    known = view.observed.standing.get(host.id)
    filled = view.desired.stacks[host.stack].defaults.fill(host.pinned(known.host_key) if known else host)
    try:
        ports.hosts.await_ready(view.reached(filled), Run(run.say, run.cancel, min(PATIENCE, run.deadline)))
    except Cancelled:
        raise
    except BatonError as error:
        words = f"{host.name} ({host.id}) was interrupted while it was made, and is made anew: {error.message}"
        run.say("stack.replacing", words, level=Level.WARNING, id=host.id)
        return False
    return True
