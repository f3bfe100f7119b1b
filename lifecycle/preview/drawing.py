"""Draws a preview from what a run has planned and knows. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lifecycle.cost import Estimate
from lifecycle.desired import ConfigureTarget
from lifecycle.digest import digest
from lifecycle.inventory import Connection, Host, Selector, groups_of
from lifecycle.journal import Kind
from lifecycle.plan import Action, Fidelity, Plan, ResourceChange
from lifecycle.policy.finding import Finding
from lifecycle.preview.model import HostPreview, HostWork, Preview, StackPreview, StepPreview
from lifecycle.view import View


def drawn(view: View, findings: Sequence[Finding] = (), estimate: Estimate | None = None) -> Preview:
    """Everything that the run in view would do from here."""
    stacks = tuple(_stack(name, view) for name in view.desired.stacks)
    preview = Preview(
        ref=view.desired.ref,
        stacks=stacks,
        steps=tuple(_step(target, view) for target in view.desired.configure.values()),
        findings=tuple(findings),
        estimate=estimate,
        lease=view.desired.lease,
        parts=dict(_parts(view, stacks)),
        hosts={host.id: host.name for host in view.observed.standing.values()},
    )
    return preview.with_parts(
        {
            "findings": digest(sorted(preview.concerns)),
            "cost": "" if preview.monthly_cost is None else f"{preview.monthly_cost:f}",
        }
    )


def previewed_plans(view: View) -> Mapping[str, Plan]:
    """The plan of every stack that has one: as its apply left it, or that can be applied, or else the predicted one."""
    return {**view.observed.predicted, **view.observed.plans, **view.observed.known}


# --- stacks


def _stack(name: str, view: View) -> StackPreview:
    plan = previewed_plans(view).get(name)
    if plan is None or not plan.fidelity.tells:
        reason = plan.diagnostics[0].summary if plan and plan.diagnostics else _unplanned(name, view)
        return StackPreview(name, Fidelity.NONE, reason=reason)
    leaving = {d.target.name: tuple(h.name for h in d.leaving) for d in view.departures(name)}
    return StackPreview(name, plan.fidelity, plan, leaving=leaving)


def _unplanned(name: str, view: View) -> str:
    for kind in (Kind.PLAN, Kind.PREDICT):
        if failure := view.observed.failures.get(f"{kind}:{name}"):
            return failure.message
    return f"its inputs are outputs of {', '.join(sorted(view.desired.stacks[name].needs))}, which are not known yet"


# --- configuration


def _step(target: ConfigureTarget, view: View) -> StepPreview:
    known = {**view.observed.standing, **view.observed.hosts}
    hosts = [
        _host(target, host, view) for host in known.values() if _stays(host, view) and target.selector.matches(host)
    ]
    hosts += [
        HostPreview(name, HostWork.NEW, Fidelity.PREDICTED if certain else Fidelity.NONE)
        for name, certain in _coming(target.selector, view)
    ]
    return StepPreview(target.name, tuple(sorted(hosts, key=lambda h: h.name)))


def _stays(host: Host, view: View) -> bool:
    return host.stack in view.desired.stacks and not view.doomed(host)


def _host(target: ConfigureTarget, host: Host, view: View) -> HostPreview:
    expected = view.expected_digest(target, host)
    if expected is None:  # its variables are outputs that are not known yet
        return HostPreview(host.name, HostWork.AGAIN, Fidelity.NONE)
    if view.journal.configured(target.name, host.id, expected):
        return HostPreview(host.name, HostWork.NOTHING, Fidelity.EXACT)
    rehearsed = view.observed.rehearsed.get(target.name)
    result = rehearsed.hosts.get(host.id) if rehearsed else None
    if result is None:
        entrance = view.observed.failures.get(f"{Kind.AWAIT}:{host.id}")
        return HostPreview(host.name, HostWork.AGAIN, Fidelity.NONE, trouble=entrance.message if entrance else "")
    trouble = "" if result.status.good else f"{result.task}: {result.message}".strip(": ")
    return HostPreview(host.name, HostWork.AGAIN, Fidelity.PREDICTED, result.changes, trouble)


def _coming(selector: Selector, view: View) -> Iterator[tuple[str, bool]]:
    """(name, whether it is certain that the step is about it) of every host that the plans would make."""
    for stack, plan in previewed_plans(view).items():
        for change in plan.changes:
            if not change.is_host or change.action not in (Action.CREATE, Action.REPLACE):
                continue
            if (certain := _selects(selector, change, stack, view)) is not None:
                yield _name(change, view), certain


def _selects(selector: Selector, change: ResourceChange, stack: str, view: View) -> bool | None:
    """Whether a selector is about a planned host: surely, perhaps (False), or not at all (None)."""
    known = view.observed.standing.get(change.physical_id)
    tags = dict(change.tags or {})
    groups = known.groups if known else groups_of(tags)
    planned = Host(name="", stack=stack, id="", connection=Connection(address=""), groups=groups, tags=tags)
    if selector.matches(planned):
        return True
    unclear = bool(selector.group) and not groups and selector.stack in ("", stack)
    return False if unclear else None


def _name(change: ResourceChange, view: View) -> str:
    known = view.observed.standing.get(change.physical_id)
    return known.name if known else (change.tags or {}).get("Name") or change.address


# --- what it is made of


def _parts(view: View, stacks: Sequence[StackPreview]) -> Iterator[tuple[str, str]]:
    desired, key = view.desired, view.desired.key
    yield "blueprint", desired.blueprint_digest
    yield "inputs", digest(dict(desired.inputs), key)
    for stack in stacks:
        yield f"module of stack {stack.name}", desired.stacks[stack.name].fingerprint
        yield f"plan of stack {stack.name}", stack.plan.digest if stack.plan else "none"
        if stack.plan:
            yield f"state of stack {stack.name}", stack.plan.state
            yield f"drift in stack {stack.name}", digest([_changed(c) for c in stack.plan.drift], key)
    for step in desired.configure.values():
        yield f"playbook of configure {step.name}", step.fingerprint
        yield f"variables of configure {step.name}", digest(dict(step.variables), key)


def _changed(change: ResourceChange) -> dict[str, Any]:
    fields = asdict(change)
    return {name: fields[name] for name in ("address", "action", "before", "after")}
