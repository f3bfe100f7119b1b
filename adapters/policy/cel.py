"""Rules of one line in CEL, by the package common-expression-language (a Rust implementation).

Source: github.com/google/cel-spec; the package's stubs (`cel.pyi`).
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from lifecycle.blueprint.policy import CelRule
from lifecycle.policy.broken import PolicyBroken
from lifecycle.policy.finding import Finding, Level, Verdict, refusal
from lifecycle.policy.planned import Planned
from lifecycle.policy.values import Absent, Resource, Unknown
from lifecycle.sensitive import JSON, MASK

ENGINE: Final = "cel"
NAMES: Final = ("resource", "address", "type", "action", "stack")
"""What an expression may name."""

_WHOLE: Final = re.compile(r"\bhas\s*\(|\bin\b|\b(?:size|all|exists|exists_one|map|filter|contains)\s*\(")
"""What a list or a mapping answers without a mistake although a part of it is not known."""

_ANY: Final = re.compile(r"\bresource\b(?!\s*\.)")
"""The resource as a whole, or an attribute whose name is not written out."""

_TOP: Final = re.compile(r"[.\[]")
_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Ready:
    rule: CelRule
    program: Any


class CelRules:
    """The rules of one policy, ready to judge. Raises PolicyBroken with every expression that is none."""

    def __init__(self, rules: Sequence[CelRule], where: str = "") -> None:
        broken: list[str] = []
        self._ready: list[_Ready] = []
        for rule in rules:
            try:
                self._ready.append(_Ready(rule, _library().compile(rule.expression)))
            except ValueError as error:
                broken.append(f"{rule.name}: {_first_line(str(error))}")
        if broken:
            told = "\n".join(broken)
            raise PolicyBroken(
                f"these CEL rules{_of(where)} cannot be read:\n{told}", hint="see github.com/google/cel-spec"
            )

    def judge(self, planned: Planned) -> Iterator[Finding]:
        """What the rules say of each resource that they are about. Raises PolicyBroken for a name that there is not."""
        for ready in self._ready:
            of_type = planned.all if ready.rule.resource == "*" else planned.of(ready.rule.resource)
            for resource in of_type:
                yield from _judge(ready, resource)


def _judge(ready: _Ready, resource: Resource) -> Iterator[Finding]:
    rule = ready.rule
    values = _values(resource)
    gaps = _gaps(resource, rule.expression)
    if any(_blind(name, resource, rule.expression) for name in gaps):
        yield _finding(rule, resource, Verdict.UNKNOWN, f"{rule.message}? {', '.join(gaps)}: not known yet")
        return
    try:
        said = ready.program.execute(values)
    except KeyError as error:
        missing = str(error.args[0]) if error.args else "something"
        reason = f"{', '.join(gaps)}: not known yet" if gaps else f"there is no '{missing}'"
        yield _finding(rule, resource, Verdict.UNKNOWN, f"{rule.message}? {reason}")
        return
    except RuntimeError as error:
        raise _broken(rule, resource, error) from None
    except Exception as error:
        yield _finding(rule, resource, Verdict.UNKNOWN, f"{rule.message}? {_first_line(str(error))}")
        return
    if not isinstance(said, bool):
        raise PolicyBroken(f"the CEL rule {rule.name} says {said!r:.60}, and neither true nor false")
    if said:
        yield _finding(rule, resource, Verdict.WARN if rule.warn else refusal(rule.level), rule.message)


def _finding(rule: CelRule, resource: Resource, verdict: Verdict, message: str) -> Finding:
    level = Level.ADVISORY if rule.warn else rule.level
    return Finding(rule.name, verdict, level, resource.stack, resource.address, message, resource.where, ENGINE)


def _values(resource: Resource) -> dict[str, JSON]:
    """What an expression is given.

    What is unknown or hidden is left out, so that touching it is an error and no value; what is merely computed is null.
    """
    computed = {
        path: None for path in resource.unknown if isinstance(resource.get(path), Absent) and path.isidentifier()
    }
    known = {name: _plain(value) for name, value in resource.data.items() if value != MASK}
    return {
        "resource": computed | known,
        "address": resource.address,
        "type": resource.type,
        "action": str(resource.action),
        "stack": resource.stack,
    }


def _gaps(resource: Resource, expression: str) -> list[str]:
    """The attributes of a resource that an expression may touch and that have a part which nobody can tell."""
    unknown = (_TOP.split(path, maxsplit=1)[0] for path in resource.unknown if isinstance(resource.get(path), Unknown))
    hidden = (name for name, value in resource.data.items() if MASK in str(value))
    found = dict.fromkeys([*unknown, *hidden])
    if _ANY.search(expression):
        return list(found)
    return [name for name in found if re.search(rf"\b{re.escape(name)}\b", expression)]


def _blind(name: str, resource: Resource, expression: str) -> bool:
    """Whether an expression may take an attribute with a gap for a whole one: then no answer of it counts.

    An element of a list that is not known is null, and an attribute can be compared as a whole or asked for its size.
    """
    elements = any(
        path.startswith(f"{name}[") or (path.startswith(f"{name}.") and "[" in path) for path in resource.unknown
    )
    hidden = name in resource.data and MASK in str(resource.data[name]) and resource.data[name] != MASK
    as_a_whole = name in resource.data and re.search(rf"\b{re.escape(name)}\b(?!\s*[.\[])", expression)
    return bool(elements or hidden or as_a_whole or _WHOLE.search(expression) or _ANY.search(expression))


def _plain(value: JSON) -> JSON:
    """A value as CEL can hold it: no masked text, no whole number beyond 64 bits."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item != MASK}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST:
        return float(value)
    return value


def _broken(rule: CelRule, resource: Resource, error: RuntimeError) -> PolicyBroken:
    message = f"the CEL rule {rule.name} cannot judge {resource.address}: {_first_line(str(error))}"
    return PolicyBroken(message, hint=f"an expression may name {', '.join(NAMES)}")


def _first_line(text: str) -> str:
    """What is wrong, without the drawing of where."""
    return " ".join(text.partition("\n")[0].split())[:200]


def _of(where: str) -> str:
    return f" of {where}" if where else ""


@cache
def _library() -> Any:
    """The compiled part of the package alone: its own `__init__` imports a shell for terminals, which takes a second."""
    if "cel" in sys.modules:
        return sys.modules["cel"]
    spec = importlib.util.find_spec("cel")
    for folder in spec.submodule_search_locations or () if spec else ():
        for path in sorted(Path(folder).glob("cel.*.so")):
            found = importlib.util.spec_from_file_location("cel.cel", path)
            if found and found.loader:
                module = importlib.util.module_from_spec(found)
                found.loader.exec_module(module)
                return module
    return importlib.import_module("cel")
