"""A preview for people, readable at 80 columns."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, assert_never

from lifecycle.plan import Action, Fidelity
from lifecycle.preview import HostWork
from lifecycle.report.preview.fields import Fields
from lifecycle.report.words import SYMBOLS, counted

NAMED: Final = 20
"""Names that are told in one line."""
SHORT: Final = 12
"""Characters of a digest that people are shown."""


def preview_text(fields: Fields) -> Iterator[str]:
    """Everything that an approver ought to read, most of it one line each."""
    for name, stack in fields["stacks"].items():
        yield from _stack(name, stack)
    for step in fields["configure"]:
        yield from _step(step)
    if fields["policy"]["findings"]:
        yield from fields["policy"]["text"]
    if fields["cost"] and (fields["cost"]["lines"] or fields["cost"]["unpriced"]):
        yield from fields["cost"]["text"]
    if fields["lease"]:
        yield f"lease: it may stand for {fields['lease']}, then the next tick takes it down"
    for what in ("destroys", "replaces"):
        if fields[what]:
            yield f"{what} {counted(len(fields[what]), 'resource')}: {', '.join(some(fields[what]))}"
    yield f"preview {fields['digest'][:SHORT]}: {fields['approval']['words']}"


def some(names: Sequence[str]) -> list[str]:
    """The first few names, and how many there are beside them: each stands above, with its stack."""
    more = len(names) - NAMED
    return [*names[:NAMED], f"and {more} more"] if more > 0 else list(names)


def _stack(name: str, stack: Fields) -> Iterator[str]:
    fidelity = Fidelity(stack["fidelity"])
    if fidelity is Fidelity.NONE:
        yield f"stack {name}: not known yet: {stack['reason']}"
        return
    yield f"stack {name}: {stack['summary']}{' (predicted)' if fidelity is Fidelity.PREDICTED else ''}"
    for change in stack["changes"]:
        yield f"  {change_line(change)}"
        yield from (f"      {_attribute(a)}" for a in change["attributes"])
    for step, hosts in stack["leaving"].items():
        yield f"  before that: {', '.join(hosts)} leaves {step}"
    for change in stack["drift"]:
        yield f"  drift: {change_line(change)}"
        yield from (f"      {_attribute(a)}" for a in change["attributes"])


def change_line(change: Fields) -> str:
    """`± aws_instance.web (forced by ami)`."""
    forced = f" (forced by {', '.join(change['replace_paths'])})" if change["replace_paths"] else ""
    moved = f" (was {change['previous_address']})" if change["previous_address"] else ""
    return f"{SYMBOLS[Action(change['action'])]} {change['address']}{forced}{moved}"


def _attribute(attribute: Fields) -> str:
    before, after = (_value(attribute[key]) for key in ("before", "after"))
    return f"{attribute['name']}: {before} → {after}"


def _value(value: Any) -> str:
    text = (
        value
        if isinstance(value, str) and value.startswith(("(known", "***"))
        else json.dumps(value, ensure_ascii=False)
    )
    return text if len(text) <= 30 else f"{text[:27]}..."


def _step(step: Fields) -> Iterator[str]:
    hosts = step["hosts"]
    idle = [h["name"] for h in hosts if h["work"] == HostWork.NOTHING]
    yield f"configure {step['name']}" + ("" if hosts else ": no host yet")
    if idle:
        yield f"  {', '.join(idle)}: nothing to do"
    for host in hosts:
        if host["work"] != HostWork.NOTHING:
            yield f"  {host['name']}: {_work(HostWork(host['work']))}{_sure(Fidelity(host['fidelity']))}"
            yield from _tasks(host)


def _tasks(host: Fields) -> Iterator[str]:
    if host["trouble"]:
        yield f"    not foreseen: {host['trouble']}"
    for task in host["tasks"]:
        yield f"    {'↻' if task['handler'] else '~'} {task['task']}"
        yield from (f"      {line}" for line in task["diff"].splitlines())


def _work(work: HostWork) -> str:
    match work:
        case HostWork.NEW:
            return "new host, the whole playbook"
        case HostWork.AGAIN:
            return "configured again"
        case HostWork.NOTHING:
            return "nothing to do"
        case _:
            assert_never(work)


def _sure(fidelity: Fidelity) -> str:
    match fidelity:
        case Fidelity.EXACT:
            return ""
        case Fidelity.PREDICTED:
            return " (predicted)"
        case Fidelity.NONE:
            return " (unknown: it depends on what is not known yet)"
        case _:
            assert_never(fidelity)
