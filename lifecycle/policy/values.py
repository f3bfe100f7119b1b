"""A planned resource as rules see it: what is not known yet cannot be mistaken for a value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.sensitive import JSON, MASK, Sensitive


@dataclass(frozen=True, slots=True)
class Known:
    """A value that the plan tells."""

    value: JSON


@dataclass(frozen=True, slots=True)
class Unknown:
    """The configuration sets it, and its value is known only after apply."""

    path: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing sets it: it is null, is not there, or is merely computed by the provider."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """It is sensitive: it is there, and not to be looked at."""

    path: str


Value: TypeAlias = Known | Unknown | Absent | Hidden
ABSENT: Final = Absent()

COMES_WITH: Final[Mapping[str, str]] = {"tags_all": "tags"}
"""Computed attributes that carry what the configuration sets under another name."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a planned resource: the whole, or a block in it. `get` looks along a path of names."""

    data: Mapping[str, Any]
    path: str = ""
    unknown: frozenset[str] = frozenset()
    configured: frozenset[str] | None = None

    def get(self, path: str) -> Value:
        """The value at `name`, `name.name` or `name[0].name`."""
        here: Any = self.data
        at = self.path
        for step in _steps(path):
            at = f"{at}[{step}]" if isinstance(step, int) else f"{at}.{step}" if at else step
            if at in self.unknown:
                return self._unknown(at)
            here = _inside(here, step)
            if here is None:
                return ABSENT
            if here == MASK or isinstance(here, Sensitive):
                return Hidden(at)
        return Known(here)

    def every(self, path: str) -> tuple[Value, ...]:
        """The values at a path in which `[]` stands for every element: `ingress[].cidr_blocks[]`.

        A list that is unknown or hidden as a whole gives that once. What is absent gives nothing.
        """
        before, brackets, after = path.partition("[]")
        if not brackets:
            value = self.get(path)
            return () if isinstance(value, Absent) else (value,)
        found: list[Value] = []
        for at, value in self._elements(before):
            if not after or not isinstance(value, Known):
                found.append(value)
            elif isinstance(value.value, Mapping):
                found += self._node(at, value.value).every(after.removeprefix("."))
        return tuple(found)

    def blocks(self, name: str) -> tuple[Node | Unknown | Hidden, ...]:
        """The blocks of a name, in order; a single one where all are unknown or hidden together."""
        found: list[Node | Unknown | Hidden] = []
        for at, value in self._elements(name):
            if not isinstance(value, Known):
                found.append(value)
            elif isinstance(value.value, Mapping):
                found.append(self._node(at, value.value))
        return tuple(found)

    def _elements(self, name: str) -> Iterator[tuple[str, Known | Unknown | Hidden]]:
        """The elements of a list with their paths from here; what the list is instead, where it is none."""
        value = self.get(name)
        if isinstance(value, Unknown | Hidden):
            yield name, value
        elif isinstance(value, Known) and isinstance(value.value, list | tuple):
            for index in range(len(value.value)):
                element = self.get(f"{name}[{index}]")
                if not isinstance(element, Absent):
                    yield f"{name}[{index}]", element

    def _node(self, path: str, data: Mapping[str, Any]) -> Node:
        return Node(data, f"{self.path}.{path}" if self.path else path, self.unknown, self.configured)

    def _unknown(self, at: str) -> Value:
        top = re.split(r"[.\[]", at, maxsplit=1)[0]
        counts = self.configured is None or top in self.configured or COMES_WITH.get(top) in self.configured
        return Unknown(at) if counts else ABSENT


@dataclass(frozen=True, slots=True)
class Resource(Node):
    """One resource as it will be once the plan is applied; one that stays as it is too."""

    stack: str = ""
    address: str = ""
    type: str = ""
    action: Action = Action.NOOP
    where: str = ""
    refers: frozenset[str] = frozenset()
    """Resources that its expressions name, by address without keys."""

    @property
    def static(self) -> str:
        """Its address without keys: all of one `for_each` have the same."""
        return without_keys(self.address)

    def has(self, name: str) -> bool:
        """Whether resources of its type have this attribute at all, whatever its value."""
        return name in self.data or any(path == name or path.startswith(f"{name}.") for path in self.unknown)


def resources(stack: str, plan: Plan) -> Iterator[Resource]:
    """The resources that there will be once a plan is applied, as the plan names them; data sources are only read."""
    for change in plan.changes:
        if change.after is not None and change.action not in (Action.DELETE, Action.FORGET, Action.READ):
            yield of_change(stack, change)


def of_change(stack: str, change: ResourceChange) -> Resource:
    """One planned resource."""
    return Resource(
        data=change.after or {},
        unknown=frozenset(change.unknown),
        configured=change.configured,
        stack=stack,
        address=change.address,
        type=change.type,
        action=change.action,
        where=change.where,
        refers=change.refers,
    )


@lru_cache(maxsize=4096)
def without_keys(address: str) -> str:
    """An address without its instance keys, which may hold dots."""
    return re.sub(r'\["(?:[^"\\]|\\.)*"\]|\[\d+\]', "", address)


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[str | int, ...]:
    found = re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)
    return tuple(int(index) if index else name for index, name in found)


def _inside(here: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return here[step] if isinstance(here, list | tuple) and step < len(here) else None
    return here.get(step) if isinstance(here, Mapping) else None
