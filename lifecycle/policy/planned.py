"""What rules are given, and what they say back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from lifecycle.policy.facts import Facts
from lifecycle.policy.values import Resource, resources


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule has to say. `unknown`: what decides is not known yet, so that it has to be asked again."""

    message: str
    cure: str = ""
    stack: str = ""
    address: str = ""
    where: str = ""
    unknown: bool = False


@dataclass(frozen=True)
class Planned:
    """Facts, with the planned resources of every stack in one place and by type."""

    facts: Facts

    @cached_property
    def by_type(self) -> Mapping[str, tuple[Resource, ...]]:
        found: dict[str, list[Resource]] = {}
        for stack in self.facts.stacks:
            for resource in resources(stack.name, stack.plan) if stack.plan else ():
                found.setdefault(resource.type, []).append(resource)
        return {kind: tuple(of_kind) for kind, of_kind in found.items()}

    def of(self, *types: str) -> Iterator[Resource]:
        """The resources of these types."""
        for kind in types:
            yield from self.by_type.get(kind, ())

    @property
    def all(self) -> Iterator[Resource]:
        for of_kind in self.by_type.values():
            yield from of_kind

    @property
    def not_planned(self) -> tuple[str, ...]:
        """Stacks whose resources nobody knows yet."""
        return tuple(stack.name for stack in self.facts.stacks if stack.plan is None)


def breach(resource: Resource, message: str, cure: str = "") -> Remark:
    """A resource is not as it must be."""
    return Remark(message, cure, resource.stack, resource.address, resource.where)


def not_known(resource: Resource, what: str) -> Remark:
    """Whether a resource is as it must be shows only after apply."""
    return Remark(what, "", resource.stack, resource.address, resource.where, unknown=True)


def matches(text: str, globs: tuple[str, ...]) -> bool:
    """Whether a text is one of some globs, in which only `*` is special."""
    return _any_of(globs).fullmatch(text) is not None


@cache
def _any_of(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(".*".join(map(re.escape, glob.split("*"))) for glob in globs) or r"(?!)", re.DOTALL)
