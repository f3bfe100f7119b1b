"""What came of a step, as an outcome and in words. Pure."""

from dataclasses import asdict
from typing import Any

from lifecycle.configuration import Configured, HostResult
from lifecycle.inventory import Host
from lifecycle.journal import Outcome, Status, Step
from lifecycle.plan import Plan, Severity


def configure_outcome(step: Step, chosen: tuple[Host, ...], configured: Configured) -> Outcome:
    """A batch's outcome: which hosts came out well, and what is wrong with the others."""
    results = _by_id(chosen, configured)
    good = frozenset(i for i, r in results.items() if r is not None and r.status.good)
    bad = [_host_words(h.name, results[h.id]) for h in chosen if h.id not in good]
    detail = {"hosts": {i: _host_detail(r) for i, r in results.items()}}
    changed = any(r.changed for r in configured.hosts)
    if not bad:
        words = f"{len(good)} {'host' if len(good) == 1 else 'hosts'} configured"
        return Outcome(step, Status.OK, words, result=configured, detail=detail, good_hosts=good, changed=changed)
    message = "; ".join(bad) if configured.complete else configured.message or "; ".join(bad)
    return Outcome(step, Status.FAILED, message, "", configured, detail, good, changed)


def _by_id(chosen: tuple[Host, ...], configured: Configured) -> dict[str, HostResult | None]:
    """Each host's result. Two stacks may have a host of one name: theirs come in the order in which they were given."""
    named: dict[str, list[HostResult]] = {}
    for result in configured.hosts:
        named.setdefault(result.host, []).append(result)
    return {h.id: named[h.name].pop(0) if named.get(h.name) else None for h in chosen}


def _host_words(name: str, result: HostResult | None) -> str:
    if result is None:
        return f"{name}: no result"
    task = f" in task '{result.task}'" if result.task else ""
    return f"{name} {result.status}{task}: {result.message}".rstrip(": ")


def _host_detail(result: HostResult | None) -> dict[str, Any]:
    """What the journal keeps; what changed is in the run's log, task by task."""
    return {} if result is None else {key: value for key, value in asdict(result).items() if key != "changes"}


def plan_words(plan: Plan, *, done: bool = False) -> str:
    """A plan in a few words: `3 to create, 1 to replace`; `done` says it in the past."""
    counts: dict[str, int] = {}
    for change in plan.acting:
        counts[change.action.value] = counts.get(change.action.value, 0) + 1
    if not counts and plan.gone:
        return f"{len(plan.gone)} {'was' if len(plan.gone) == 1 else 'were'} gone already"
    if not counts:
        return "outputs changed" if plan.outputs_changed else "no changes"
    past = {"create": "created", "update": "updated", "replace": "replaced", "delete": "destroyed"}
    words = [
        f"{n} {past.get(a, a)}" if done else f"{n} to {'destroy' if a == 'delete' else a}" for a, n in counts.items()
    ]
    return ", ".join(words)


def plan_detail(plan: Plan) -> dict[str, Any]:
    """What the journal keeps of a plan."""
    return {
        "digest": plan.digest,
        "fidelity": plan.fidelity.value,
        "changes": {c.address: c.action.value for c in plan.acting},
        "warnings": [f"{d.summary} {d.detail}".strip() for d in plan.diagnostics if d.severity is Severity.WARNING],
    }


def orphan_words(stack: str) -> str:
    """What there is to say of a stack that stands and that the blueprint no longer has."""
    return f"stack {stack} stands, and the blueprint no longer has it: put it back to change it or to take it down"
