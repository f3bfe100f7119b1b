"""A preview as JSON fields. What is shown, saved, shown again and put under a pull request is read off these alone."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from lifecycle.blueprint.scalars import format_duration
from lifecycle.cost import Estimate
from lifecycle.observed import Reviewed
from lifecycle.outcomes import plan_words
from lifecycle.plan import Action, Fidelity, ResourceChange
from lifecycle.preview import HostPreview, StackPreview, StepPreview
from lifecycle.report.cost import cost_fields, cost_text
from lifecycle.report.fields import findings_fields
from lifecycle.report.policy import findings_text

Fields = Mapping[str, Any]
UNKNOWN = "(known after apply)"


def preview_fields(reviewed: Reviewed) -> dict[str, Any]:
    """One preview, and what a review made of it."""
    preview = reviewed.preview
    return {
        "environment": str(preview.ref),
        "digest": preview.digest,
        "changed": preview.acts,
        "stacks": {stack.name: _stack(stack) for stack in preview.stacks},
        "not_known_yet": [stack.name for stack in preview.stacks if stack.fidelity is Fidelity.NONE],
        "configure": [_step(step) for step in preview.steps],
        "policy": findings_fields(preview.findings) | {"text": list(findings_text(preview.findings))},
        "cost": _cost(preview.estimate, preview.lease) if preview.estimate else None,
        "lease": None if preview.lease is None else format_duration(preview.lease),
        "destroys": list(preview.destroyed),
        "replaces": list(preview.replaced),
        "hosts_lost": preview.hosts_lost[0],
        "hosts": preview.hosts_lost[1],
        "denied": bool(preview.denied),
        "approval": {"reasons": list(reviewed.review.reasons) if reviewed.review else [], "words": reviewed.words},
        "parts": dict(preview.parts),
    }


def _cost(estimate: Estimate, lease: timedelta | None) -> dict[str, Any]:
    return cost_fields(estimate, lease) | {"text": list(cost_text(estimate, lease))}


def _stack(stack: StackPreview) -> dict[str, Any]:
    plan = stack.plan
    return {
        "digest": plan.digest if plan else "",
        "fidelity": stack.fidelity.value,
        "reason": stack.reason,
        "summary": plan_words(plan) if plan else "",
        "changes": [change_fields(change) for change in stack.acting],
        "drift": [change_fields(change) for change in plan.drift] if plan else [],
        "leaving": {step: list(hosts) for step, hosts in stack.leaving.items()},
    }


def change_fields(change: ResourceChange) -> dict[str, Any]:
    """One change, with what is different in it."""
    return {
        "address": change.address,
        "type": change.type,
        "action": change.action.value,
        "replace_paths": list(change.replace_paths),
        "previous_address": change.previous_address,
        "where": change.where,
        "attributes": list(_attributes(change)),
    }


def _attributes(change: ResourceChange) -> Iterator[dict[str, Any]]:
    """What differs, attribute by attribute. Of what is made or goes, everything differs: the address says enough."""
    if change.action not in (Action.UPDATE, Action.REPLACE) or change.before is None or change.after is None:
        return
    unknown = {path.split(".")[0].split("[")[0] for path in change.unknown}
    for name in sorted(change.before.keys() | change.after.keys() | unknown):
        before, after = change.before.get(name), change.after.get(name)
        if name in unknown and name not in change.after:
            if change.action is Action.REPLACE and not any(p.split(".")[0] == name for p in change.replace_paths):
                continue  # everything computed is known again only after a replacement
            after = UNKNOWN
        if before != after:
            yield {"name": name, "before": before, "after": after}


def _step(step: StepPreview) -> dict[str, Any]:
    return {"name": step.name, "hosts": [_host(host) for host in step.hosts]}


def _host(host: HostPreview) -> dict[str, Any]:
    return {
        "name": host.name,
        "work": host.work.value,
        "fidelity": host.fidelity.value,
        "tasks": [{"task": t.task, "diff": t.diff, "handler": t.handler} for t in host.tasks],
        "trouble": host.trouble,
    }
