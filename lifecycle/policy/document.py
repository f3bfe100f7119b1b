"""A plan as other engines know it: the shape of `terraform show -json`, made of what Baton holds, so that no secret is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.policy.facts import StackFacts
from lifecycle.policy.values import without_keys
from lifecycle.sensitive import JSON, mask

_ACTIONS: Final[Mapping[Action, list[str]]] = {
    Action.CREATE: ["create"],
    Action.UPDATE: ["update"],
    Action.REPLACE: ["delete", "create"],
    Action.DELETE: ["delete"],
    Action.READ: ["read"],
    Action.NOOP: ["no-op"],
    Action.FORGET: ["forget"],
    Action.IMPORT: ["no-op"],
    Action.MOVE: ["no-op"],
}


def plan_document(stack: StackFacts) -> dict[str, JSON]:
    """The plan of a stack: `resource_changes` with `change.before`, `.after`, `.after_unknown`; `planned_values`; `variables`.

    Sensitive values are `***`. There is no `configuration` and no `prior_state`.
    """
    plan = stack.plan or Plan(stack.name, "")
    changes = [_change(change) for change in plan.changes]
    return {
        "format_version": "1.2",
        "resource_changes": changes,
        "planned_values": {"root_module": {"resources": [_planned(one) for one in changes if one["change"]["after"]]}},
        "variables": {name: {"value": mask(value)} for name, value in stack.variables.items()},
    }


def _change(change: ResourceChange) -> dict[str, Any]:
    parts = _parts(change.address)
    return {
        "address": change.address,
        **({"module_address": parts[0]} if parts[0] else {}),
        "mode": "data" if change.action is Action.READ else "managed",
        "type": change.type,
        "name": parts[1],
        "change": {
            "actions": _ACTIONS[change.action],
            "before": change.before,
            "after": change.after,
            "after_unknown": unknown_tree(change.unknown),
        },
    }


def _planned(change: Mapping[str, Any]) -> dict[str, Any]:
    return {**{key: change[key] for key in ("address", "mode", "type", "name")}, "values": change["change"]["after"]}


def _parts(address: str) -> tuple[str, str]:
    """`module.a["x"].aws_instance.web[0]` → (`module.a["x"]`, `web`)."""
    match = re.match(r'((?:module\.[^.\["]+(?:\["(?:[^"\\]|\\.)*"\]|\[\d+\])?\.)*)', address)
    module = match[1].removesuffix(".") if match else ""
    return module, without_keys(address).rpartition(".")[2]


def unknown_tree(paths: Iterable[str]) -> dict[str, JSON]:
    """`["id", "ebs[1].volume_id"]` → `{"id": true, "ebs": [{}, {"volume_id": true}]}`, as Terraform writes `after_unknown`."""
    tree: dict[str, Any] = {}
    for path in paths:
        here: Any = tree
        steps = [int(i) if i else n for i, n in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)]
        for step, after in zip(steps, [*steps[1:], None], strict=True):
            leaf: Any = True if after is None else [] if isinstance(after, int) else {}
            if isinstance(step, int):
                here.extend({} for _ in range(step + 1 - len(here)))
                here[step] = here[step] or leaf
                here = here[step]
            else:
                here = here.setdefault(step, leaf)
    return tree
