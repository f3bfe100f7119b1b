"""What the parts of a blueprint must be to each other: names that exist, no circles, keys that fit together.

Works on the plain data, not on the model, and passes over what has the wrong shape (the model says that): so these problems
are found together with all others, however wrong the rest is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lifecycle.blueprint import graph, input_rules, reference_rules
from lifecycle.blueprint.probes import KINDS, ON_HOSTS
from lifecycle.blueprint.problems import Path, did_you_mean
from lifecycle.blueprint.yaml12 import Document, Fault
from lifecycle.sensitive import JSON

RESERVED: Final = frozenset(
    {"count", "for_each", "source", "version", "providers", "lifecycle", "depends_on", "locals"}
)
"""Names that Terraform does not allow for variables. Source: Terraform's language documentation, "Input variables"."""


def faults(document: Document) -> list[Fault]:
    """Everything that is wrong between the parts."""
    if not isinstance(document.data, dict):
        return []  # the model says so, and it is enough
    return [*_Rules(document).all(), *reference_rules.faults(document)]


@dataclass(frozen=True, slots=True)
class _Rules:
    document: Document

    def all(self) -> Iterator[Fault]:
        data = _mapping(self.document.data)
        yield from input_rules.faults(_mapping(data.get("inputs")), self.document)
        yield from self.trust(_mapping(data.get("connection")), {}, ("connection",))
        yield from self.selector(_mapping(data.get("connection")).get("jump"), ("connection", "jump"), data)
        for name, stack in _mapping(data.get("stacks")).items():
            yield from self.stack(("stacks", name), _mapping(stack), data)
        yield from self.circles(data)
        steps, checks = _parts(data)
        yield from self.unique(steps, ("configure",), "configure step")
        yield from self.unique(checks, ("verify", "checks"), "check")
        known = _after_names(steps, checks)
        for index, step in enumerate(steps):
            path: Path = ("configure", index)
            yield from self.selector(step.get("hosts"), (*path, "hosts"), data)
            yield from self.selector(_mapping(step.get("drain")).get("hosts"), (*path, "drain", "hosts"), data)
            yield from self.after(step.get("after"), (*path, "after"), known)
        for index, check in enumerate(checks):
            path = ("verify", "checks", index)
            yield from self.check(check, path, data) if check else ()
            yield from self.after(check.get("after"), (*path, "after"), known)

    # --- stacks

    def stack(self, path: Path, stack: Mapping[str, JSON], data: Mapping[str, JSON]) -> Iterator[Fault]:
        for name in _mapping(stack.get("vars")):
            inside = (*path, "vars", name)
            if name in RESERVED:
                message = f"'{name}' cannot be a variable: Terraform keeps the name for itself"
                yield Fault(self.document.key_at(inside), inside, message, "", "rename it in the module")
            elif not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
                message = f"'{name:.60}' cannot be the name of a Terraform variable"
                yield Fault(
                    self.document.key_at(inside), inside, message, "letters, digits, '_' and '-', no digit first"
                )
        for index, other in enumerate(_items(stack.get("depends_on"))):
            yield from self.known_stack(other, (*path, "depends_on", index), data)
        yield from self.trust(
            _mapping(stack.get("connection")), _mapping(data.get("connection")), (*path, "connection")
        )
        yield from self.selector(_mapping(stack.get("connection")).get("jump"), (*path, "connection", "jump"), data)

    def trust(self, own: Mapping[str, JSON], default: Mapping[str, JSON], path: Path) -> Iterator[Fault]:
        """`ca` in the order of trust and the authority's key belong together."""
        if "trust" not in own and "ca" not in own:
            return
        both = {**default, **own}
        trusted, ca = "ca" in _items(both.get("trust")), both.get("ca") is not None
        if trusted and not ca:
            message = "'ca' is trusted, but no certificate authority is given"
            yield Fault(
                self.document.value_at((*path, "trust")), (*path, "trust"), message, "'ca: file:PATH' beside it"
            )
        elif ca and not trusted and "ca" in own:
            message = "a certificate authority is given, but not trusted"
            yield Fault(self.document.key_at((*path, "ca")), (*path, "ca"), message, "ca in the list 'trust'")

    def known_stack(self, name: JSON, path: Path, data: Mapping[str, JSON]) -> Iterator[Fault]:
        stacks = data.get("stacks")
        if isinstance(name, str) and isinstance(stacks, dict) and name not in stacks:
            yield self.unknown("stack", name, stacks, path)

    def unknown(self, what: str, name: str, known: Collection[str], path: Path) -> Fault:
        suggestion = did_you_mean(name, known)
        expected = "" if suggestion else f"one of {', '.join(known)}" if known else f"a {what} that the blueprint has"
        return Fault(self.document.value_at(path), path, f"unknown {what} '{name:.60}'", expected, suggestion)

    # --- circles

    def circles(self, data: Mapping[str, JSON]) -> Iterator[Fault]:
        stacks = {name: _mapping(stack) for name, stack in _mapping(data.get("stacks")).items()}
        needs = {
            name: sorted(graph.stack_needs(stack.get("vars"), _texts(stack.get("depends_on"))))
            for name, stack in stacks.items()
        }
        for circle in graph.cycles(needs):
            yield self.circle("stacks", circle, ("stacks", circle[0]))
        steps, checks = _parts(data)
        places: dict[str, Path] = {_check_name(check): ("verify", "checks", i) for i, check in enumerate(checks)}
        places |= {str(step.get("name")): ("configure", i) for i, step in enumerate(steps)}
        for circle in graph.cycles(graph.waits(_afters(steps, ()), _afters(checks, None))):
            yield self.circle("steps and checks", circle, places[circle[0]])

    def circle(self, what: str, circle: tuple[str, ...], path: Path) -> Fault:
        return Fault(self.document.key_at(path), path, f"these {what} wait for each other: {' -> '.join(circle)}")

    # --- configure steps and checks

    def unique(self, parts: Iterable[Mapping[str, JSON]], path: Path, what: str) -> Iterator[Fault]:
        first: dict[str, int] = {}
        for index, part in enumerate(parts):
            name, here = part.get("name"), (*path, index, "name")
            place = self.document.value_at(here)
            if isinstance(name, str) and name in first:
                message = f"a second {what} is named '{name:.60}', the first on line {first[name]}"
                yield Fault(place, here, message, "a name of its own")
            elif isinstance(name, str):
                first[name] = place.line

    def selector(self, selector: JSON, path: Path, data: Mapping[str, JSON]) -> Iterator[Fault]:
        if not isinstance(selector, dict):
            return
        if not any(selector.values()):
            yield Fault(self.document.key_at(path), path, "no host is selected", "at least one of stack, group, tags")
        yield from self.known_stack(selector.get("stack"), (*path, "stack"), data)

    def after(self, after: JSON, path: Path, known: Collection[str]) -> Iterator[Fault]:
        for index, name in enumerate(_items(after)):
            if not isinstance(name, str) or name in known:
                continue
            other = name.removeprefix(graph.CHECK_PREFIX) if name.startswith(graph.CHECK_PREFIX) else f"check.{name}"
            fault = self.unknown("check" if name.startswith("check.") else "step", name, known, (*path, index))
            yield fault._replace(expected="", suggestion=f"did you mean '{other}'?") if other in known else fault

    def check(self, check: Mapping[str, JSON], path: Path, data: Mapping[str, JSON]) -> Iterator[Fault]:
        kinds = [kind for kind in KINDS if check.get(kind) is not None]
        if not kinds:
            yield Fault(self.document.value_at(path), path, "this check looks at nothing", f"one of {', '.join(KINDS)}")
        for kind in sorted(kinds, key=lambda kind: self.document.key_at((*path, kind)))[1:]:
            place = self.document.key_at((*path, kind))
            yield Fault(place, (*path, kind), f"this check has more than one probe: {', '.join(kinds)}", "one of them")
        for key in ("on", "from"):
            yield from self.selector(check.get(key), (*path, key), data)
        for matcher in (("http", "body"), ("expect", "stdout")):
            if _mapping(check.get(matcher[0])).get(matcher[1]) == {}:
                place = self.document.value_at((*path, *matcher))
                yield Fault(place, (*path, *matcher), "nothing is looked for", "contains or regex")
        if len(kinds) == 1:
            yield from self.fitting(kinds[0], check, path)

    def fitting(self, kind: str, check: Mapping[str, JSON], path: Path) -> Iterator[Fault]:
        """The keys beside the probe fit to it."""
        expect, place = check.get("expect"), self.document.value_at((*path, "expect"))
        if expect is not None and kind not in ("tcp", "command"):
            yield Fault(
                place, (*path, "expect"), f"'expect' does not go with {kind}", "it on a tcp or command check only"
            )
        elif kind == "tcp" and isinstance(expect, dict):
            yield Fault(place, (*path, "expect"), "found a mapping", "open or closed")
        elif kind == "command" and isinstance(expect, str):
            yield Fault(place, (*path, "expect"), f"found the text '{expect:.60}'", "a mapping with exit and stdout")
        if kind in ON_HOSTS:
            if check.get("on") is None:
                place = self.document.value_at(path)
                yield Fault(
                    place,
                    path,
                    f"a {kind} check runs on hosts, but none are selected",
                    "'on' with stack, group or tags",
                )
            if "from" in check:
                place = self.document.key_at((*path, "from"))
                yield Fault(place, (*path, "from"), f"'from' does not go with {kind}", "", "did you mean 'on'?")
        elif "on" in check:
            place = self.document.key_at((*path, "on"))
            yield Fault(place, (*path, "on"), f"'on' does not go with {kind}", "", "did you mean 'from'?")


def _mapping(value: JSON) -> dict[str, JSON]:
    return value if isinstance(value, dict) else {}


def _items(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


def _texts(value: JSON) -> list[str]:
    return [item for item in _items(value) if isinstance(item, str)]


def _parts(data: Mapping[str, JSON]) -> tuple[list[dict[str, JSON]], list[dict[str, JSON]]]:
    """The configure steps and the checks; what is no mapping counts as an empty one, so that indexes stay right."""
    checks = _mapping(data.get("verify")).get("checks")
    return [_mapping(step) for step in _items(data.get("configure"))], [_mapping(check) for check in _items(checks)]


def _check_name(check: Mapping[str, JSON]) -> str:
    return f"{graph.CHECK_PREFIX}{check.get('name')}"


def _after_names(steps: Iterable[Mapping[str, JSON]], checks: Iterable[Mapping[str, JSON]]) -> list[str]:
    return [*_afters(steps, ()), *(graph.CHECK_PREFIX + name for name in _afters(checks, ()))]


def _afters(parts: Iterable[Mapping[str, JSON]], default: Any) -> dict[str, Any]:
    """What each part says that it waits for, by name; of two with one name, the first."""
    found: dict[str, Any] = {}
    for part in parts:
        if isinstance(part.get("name"), str):
            found.setdefault(part["name"], _texts(part["after"]) if part.get("after") is not None else default)
    return found
