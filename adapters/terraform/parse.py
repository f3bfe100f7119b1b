"""What Terraform writes, as values: bytes and lines in, frozen values out.

Sources: developer.hashicorp.com/terraform/internals/json-format (plan, state, outputs) and .../machine-readable-ui (the
lines of `-json`). A plan document is full of secrets: everything that leaves here is masked or wrapped.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from adapters.terraform import declared, drifting
from adapters.terraform.declared import Declared, without_keys
from adapters.terraform.redact import marked, masked
from adapters.terraform.written import Written
from lifecycle.errors import BatonError
from lifecycle.plan import Action, Diagnostic, Output, Outputs, ResourceChange, Severity, gone
from lifecycle.scrub import Scrubber
from lifecycle.sensitive import MASK, Sensitive

HOST_TYPES: Final = frozenset({"aws_instance", "aws_spot_instance_request"})
"""Types of resources that can be entered and configured."""

Document = Mapping[str, Any]


class UnreadableOutput(BatonError):
    """Terraform wrote something that could not be read."""

    def __init__(self, message: str = "", *, hint: str = "", facts: Document | None = None) -> None:
        advice = "does the setting BATON_TERRAFORM name a Terraform? If so, please report it with its version and these words"
        super().__init__(message, hint=hint or advice, facts=facts)


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """A saved plan as `show -json` tells it. `essence` is what its digest is made of: in clear, for a keyed digest only."""

    changes: tuple[ResourceChange, ...]
    drift: tuple[ResourceChange, ...]
    outputs: Outputs
    outputs_changed: bool
    complete: bool
    applyable: bool
    errored: bool
    essence: Document = field(repr=False)
    untagged: tuple[str, ...] = ()  # taggable resources that would come to be without the tags that were asked for
    secrets: tuple[str, ...] = field(default=(), repr=False)  # texts that Terraform marks as sensitive in resources


def document(data: bytes, what: str) -> Any:
    """JSON, or UnreadableOutput."""
    try:
        return json.loads(data)
    except ValueError:
        size = len(data)  # what it wrote is not shown: plans and outputs are secrets
        raise UnreadableOutput(f"{what} wrote no JSON, but {size} other bytes", facts={"bytes": size}) from None


def plan(
    data: bytes, scrub: Scrubber, tags: Mapping[str, str], written: Mapping[str, Written] | None = None
) -> PlanDocument:
    """A plan from `terraform show -json FILE`. `written` is what the module's files say, by address without keys."""
    plan = document(data, "terraform show -json")
    raw = list(plan.get("resource_changes", ()))
    secrets = tuple(dict.fromkeys(_secrets([*raw, *plan.get("resource_drift", ())])))
    scrub.add(secrets)
    configuration = declared.resources(plan, written)
    changes = tuple(_change(one, scrub, configuration) for one in raw)
    outputs = plan.get("output_changes") or {}
    outputs_changed = any(_output_acts(change) for change in outputs.values())
    drift = tuple(_change(one, scrub) for one in drifting.real(plan, configuration))
    forgotten = sorted(gone(changes, drift))
    return PlanDocument(
        changes=changes,
        drift=drift,
        outputs=_known_outputs(plan),
        outputs_changed=outputs_changed,
        complete=bool(plan.get("complete", True)),
        applyable=bool(forgotten) or outputs_changed or any(change.action.acts for change in changes),
        errored=bool(plan.get("errored", False)),
        essence={
            "changes": sorted((_essence(one) for one in raw if _action(one).acts), key=lambda e: str(e["address"])),
            "outputs": {name: _without_noise(change) for name, change in outputs.items() if _output_acts(change)},
            **({"gone": forgotten} if forgotten else {}),
        },
        untagged=tuple(scrub.text(one["address"]) for one in raw if _lacks_tags(one, tags)),
        secrets=secrets,
    )


def outputs(data: bytes) -> Outputs:
    """Outputs from `terraform output -json`; sensitive values are wrapped."""
    if not data.strip():
        return {}
    return {
        name: _output(entry.get("value"), bool(entry.get("sensitive")))
        for name, entry in document(data, "terraform output -json").items()
    }


def streamed_outputs(told: Document) -> Outputs | None:
    """Outputs from the end of `apply -json`; None where one is sensitive, because the stream leaves its value out."""
    if any(entry.get("sensitive") or "value" not in entry for entry in told.values()):
        return None
    return {name: _output(entry["value"], False) for name, entry in told.items()}


def addresses(data: bytes) -> tuple[str, ...]:
    """Managed resources from `terraform state list`; data sources are only looked at and left out."""
    lines = data.decode(errors="replace").splitlines()
    return tuple(line for line in lines if line and not re.match(r"(?:module\.[^.]+\.)*data\.", without_keys(line)))


def message(line: str) -> Document | None:
    """One line of Terraform's machine-readable UI; None where a line is none (a provider that prints, a crash)."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "type" in found else None


def diagnostic(entry: Document, source: Path, scrub: Scrubber) -> Diagnostic:
    """A diagnostic of the machine-readable UI or of `validate -json`; its file is told as the user knows it."""
    return Diagnostic(
        severity=Severity.WARNING if entry.get("severity") == "warning" else Severity.ERROR,
        summary=scrub.text(entry.get("summary") or ""),
        detail=scrub.text(entry.get("detail") or ""),
        address=entry.get("address") or "",
        where=_where(entry.get("range"), source),
    )


def validation(data: bytes, source: Path, scrub: Scrubber) -> tuple[Diagnostic, ...]:
    """Diagnostics from `terraform validate -json`."""
    found = document(data, "terraform validate -json")
    return tuple(diagnostic(entry, source, scrub) for entry in found.get("diagnostics", ()))


_TEXT_HEAD = re.compile(r"^(Error|Warning): (.*)$")
_TEXT_WHERE = re.compile(r"^  on (?!<empty>|/)(.+) line (\d+)(?:, in .*)?:$|^  with (.+),$")
_FRAME = re.compile("^[╷│╵] ?")


def text_diagnostics(text: str, source: Path, scrub: Scrubber) -> tuple[Diagnostic, ...]:
    """Diagnostics from the words that commands without `-json` write to stderr (with or without the frame around them)."""
    found: list[Diagnostic] = []
    head: re.Match[str] | None = None
    body: list[str] = []
    for line in [*(_FRAME.sub("", raw) for raw in text.splitlines()), "Error: "]:
        if start := _TEXT_HEAD.match(line):
            if head:
                found.append(_text_diagnostic(head, body, source, scrub))
            head, body = start, []
        elif head:
            body.append(line)
    return tuple(found)


def _text_diagnostic(head: re.Match[str], body: Sequence[str], source: Path, scrub: Scrubber) -> Diagnostic:
    where = address = ""
    words: list[str] = []
    summary = [head[2]]
    quoting = False
    for line in body:
        if place := _TEXT_WHERE.match(line):
            where = f"{_shown(place[1], source)}:{place[2]}" if place[1] else where
            address = place[3] or address
            quoting = True
        elif quoting and re.match(r"^ +\d+: |^    ", line):
            continue  # the source line that Terraform quotes
        elif not words and not quoting and line and len(summary) < 4 and body.index(line) == len(summary) - 1:
            summary.append(line)  # a long summary is wrapped
        else:
            words.append(line)
    return Diagnostic(
        severity=Severity.WARNING if head[1] == "Warning" else Severity.ERROR,
        summary=scrub.text(" ".join(summary)),
        detail=scrub.text(re.sub(r"(?<!\n)\n(?!\n|[ -])", " ", "\n".join(words).strip())),
        address=address,
        where=where,
    )


# --- resource changes ---

_ACTIONS: Mapping[tuple[str, ...], Action] = {
    ("no-op",): Action.NOOP,
    ("create",): Action.CREATE,
    ("read",): Action.READ,
    ("update",): Action.UPDATE,
    ("delete", "create"): Action.REPLACE,
    ("create", "delete"): Action.REPLACE,
    ("delete",): Action.DELETE,
    ("forget",): Action.FORGET,
    ("create", "forget"): Action.CREATE,  # the old object lives on, unmanaged
}


def _action(entry: Document) -> Action:
    change = entry["change"]
    words = tuple(change.get("actions", ()))
    if words not in _ACTIONS:
        raise UnreadableOutput(f"terraform plans {'/'.join(words)} for {entry['address']}, which is not known here")
    action = _ACTIONS[words]
    if action is Action.NOOP and change.get("importing"):
        return Action.IMPORT
    if action is Action.NOOP and entry.get("previous_address"):
        return Action.MOVE
    return action


def _secrets(entries: Sequence[Document]) -> Iterator[str]:
    """What a resource keeps secret (a password that it made, say) may stand in any other's error too."""
    for change in (entry["change"] for entry in entries):
        for side in ("before", "after"):
            yield from marked(change.get(side), change.get(f"{side}_sensitive", False))


def _change(
    entry: Document, scrub: Scrubber, configuration: Mapping[str, Declared] = MappingProxyType({})
) -> ResourceChange:
    change = entry["change"]
    before = scrub.value(masked(change.get("before"), change.get("before_sensitive", False)))
    after = scrub.value(masked(change.get("after"), change.get("after_sensitive", False)))
    resource = configuration.get(without_keys(entry["address"]), declared.NOWHERE)
    return ResourceChange(
        address=scrub.text(_address(entry)),
        type=entry.get("type", ""),
        action=_action(entry),
        physical_id=_id(change, before),
        before=before,
        after=after,
        unknown=tuple(map(scrub.text, _paths(change.get("after_unknown")))),
        replace_paths=tuple(scrub.text(_path(steps)) for steps in change.get("replace_paths", ())),
        previous_address=scrub.text(entry.get("previous_address", "")),
        tags=scrub.value(_tags(change)),
        is_host=entry.get("type") in HOST_TYPES and entry.get("mode", "managed") == "managed",
        tainted=entry.get("action_reason") == "replace_because_tainted" and not resource.provisioned,
        configured=resource.configured,
        refers=resource.refers,
        where=resource.where,
        region=resource.region,
    )


def _address(entry: Document) -> str:
    deposed = entry.get("deposed")
    return f"{entry['address']} (deposed {deposed})" if deposed else str(entry["address"])


def _id(change: Document, before: Any) -> str:
    found = (before or {}).get("id") or (change.get("importing") or {}).get("id")
    return found if isinstance(found, str) and found != MASK else ""


def _tags(change: Document) -> dict[str, str] | None:
    if (change.get("after_unknown") or {}).get("tags_all") is True:
        return None
    values = change.get("after") if change.get("after") is not None else change.get("before")
    tags = (values or {}).get("tags_all")
    return {str(k): str(v) for k, v in tags.items() if v is not None} if isinstance(tags, dict) else None


def _lacks_tags(entry: Document, tags: Mapping[str, str]) -> bool:
    """Whether a resource of the AWS provider that can carry tags would come to be, or stay, without these."""
    provider = str(entry.get("provider_name", ""))
    if not provider.endswith("/hashicorp/aws") or _action(entry) not in (Action.CREATE, Action.UPDATE, Action.REPLACE):
        return False
    change = entry["change"]
    after = change.get("after") or {}
    if "tags_all" in after:
        planned = after["tags_all"] or {}
        unknown = (change.get("after_unknown") or {}).get("tags_all")
        missing = [key for key, value in tags.items() if planned.get(key) != value]
        return any(not (isinstance(unknown, dict) and unknown.get(key)) for key in missing)
    if entry.get("type") == "aws_autoscaling_group":  # the one kind of its own: `tag` blocks, no default tags
        carried = {tag.get("key"): tag.get("value") for tag in after.get("tag") or ()}
        return any(carried.get(key) != value for key, value in tags.items())
    return False


def _paths(unknown: Any, path: str = "") -> Iterator[str]:
    """Attribute paths that are true in `after_unknown`: `id`, `ebs[0].volume_id`."""
    if unknown is True:
        yield path
    elif isinstance(unknown, dict):
        for key, inner in unknown.items():
            yield from _paths(inner, f"{path}.{key}" if path else key)
    elif isinstance(unknown, list):
        for at, inner in enumerate(unknown):
            yield from _paths(inner, f"{path}[{at}]")


def _path(steps: Sequence[str | int]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _essence(entry: Document) -> dict[str, Any]:
    """What decides about a change, without what only describes it."""
    change = entry["change"]
    return {
        "address": _address(entry),
        "previous": entry.get("previous_address"),
        "provider": entry.get("provider_name"),
        **_without_noise(change),
        "id": (change.get("before") or {}).get("id"),
        "replace": change.get("replace_paths"),
        "importing": change.get("importing"),
    }


def _without_noise(change: Document) -> dict[str, Any]:
    return {key: change.get(key) for key in ("actions", "after", "after_unknown")}


# --- outputs ---


def _output(value: Any, sensitive: bool) -> Output:
    return Output(Sensitive(value) if sensitive else value, sensitive)


def _output_acts(change: Document) -> bool:
    return list(change.get("actions", ())) != ["no-op"]


def _known_outputs(plan: Document) -> Outputs:
    """Planned outputs whose whole value is known; Terraform leaves `value` out of the others."""
    planned = (plan.get("planned_values") or {}).get("outputs") or {}
    changes = plan.get("output_changes") or {}
    return {
        name: _output(entry["value"], bool(entry.get("sensitive")))
        for name, entry in planned.items()
        if "value" in entry and not any(_paths((changes.get(name) or {}).get("after_unknown")))
    }


# --- places ---


def _where(range: Document | None, source: Path) -> str:
    filename = (range or {}).get("filename", "")
    if not range or filename in ("", "<empty>") or filename.startswith("/"):
        return ""  # a provider without a block in the configuration; a variable file of ours
    start = range.get("start") or {}
    return f"{_shown(filename, source)}:{start.get('line', 1)}:{start.get('column', 1)}"


def _shown(filename: str, source: Path) -> str:
    """A file of the working copy as the user knows it: the same place relative to their module."""
    return os.path.normpath(source / filename)
