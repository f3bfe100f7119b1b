"""What waits for what in a blueprint. Pure.

* A **stack** needs the stacks that its `vars` reference, and its `depends_on`.
* To **reach** a stack's hosts, the outputs that its connection references must be known (a jump that is selected as a host is none:
  it is waited for as a host, not as a stack). This is apart from the stack's own
  needs, so that a bastion's address may be the default of all connections, the bastion's own stack included.
* A **configure step** needs the outputs that its `vars` reference, the hosts of the stacks that its selector can match (the
  one that it names, else any), and its `after`.
* A **check** needs the outputs that it references, the hosts that it runs on or looks from, and its `after`. Without `after` it
  waits for every configure step but those that wait for it, directly or through others. Where two checks without `after` would
  so wait for each other's steps, the one that stands first in the file waits. `after: []` waits for nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from lifecycle.blueprint import references
from lifecycle.blueprint.model import Blueprint, Check, Configure, HostSelector
from lifecycle.sensitive import JSON

CHECK_PREFIX = "check."


@dataclass(frozen=True, slots=True)
class Needs:
    """What a configure step or a check waits for."""

    stacks: frozenset[str] = frozenset()  # whose outputs it references
    hosts: frozenset[str] = frozenset()  # stacks whose hosts it may touch
    steps: frozenset[str] = frozenset()  # configure steps
    checks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Graph:
    """The needs of every part of a blueprint, by name, in the file's order."""

    stacks: Mapping[str, frozenset[str]]  # the stacks that must be applied before
    reach: Mapping[
        str, frozenset[str]
    ]  # the stacks whose outputs say how to reach a stack's hosts; may name the stack itself
    steps: Mapping[str, Needs]
    checks: Mapping[str, Needs]


def build(blueprint: Blueprint) -> Graph:
    """The graph of a blueprint that was loaded (so that every name exists and nothing goes round in circles)."""
    after = waits(
        {step.name: step.after for step in blueprint.configure},
        {check.name: check.after for check in blueprint.checks},
    )
    everywhere = frozenset(blueprint.stacks)
    return Graph(
        stacks={name: stack_needs(stack.vars, stack.depends_on) for name, stack in blueprint.stacks.items()},
        reach={name: outputs_of(stack.connection) for name, stack in blueprint.stacks.items()},
        steps={step.name: _needs(step, step.hosts, after[step.name], everywhere) for step in blueprint.configure},
        checks={
            check.name: _needs(check, check.hosts, after[CHECK_PREFIX + check.name], everywhere)
            for check in blueprint.checks
        },
    )


def _needs(
    part: Configure | Check, hosts: HostSelector | None, after: Collection[str], everywhere: frozenset[str]
) -> Needs:
    return Needs(
        stacks=outputs_of(part),
        hosts=frozenset() if hosts is None else frozenset({hosts.stack}) if hosts.stack else everywhere,
        steps=frozenset(name for name in after if not name.startswith(CHECK_PREFIX)),
        checks=frozenset(name.removeprefix(CHECK_PREFIX) for name in after if name.startswith(CHECK_PREFIX)),
    )


def outputs_of(value: object) -> frozenset[str]:
    """The stacks whose outputs a value references."""
    found = references.find(value)
    return frozenset(reference.name for reference in found if reference.kind is references.Kind.OUTPUT)


def stack_needs(variables: JSON, depends_on: Iterable[str]) -> frozenset[str]:
    """The stacks that a stack needs."""
    return outputs_of(variables) | frozenset(depends_on)


def waits(
    steps: Mapping[str, Collection[str]], checks: Mapping[str, Collection[str] | None]
) -> dict[str, tuple[str, ...]]:
    """What each configure step and each check (as `check.NAME`) waits for, with what is implied where a check has no `after`."""
    edges = {name: tuple(after) for name, after in steps.items()}
    edges |= {CHECK_PREFIX + name: tuple(after or ()) for name, after in checks.items()}
    waiting: dict[str, set[str]] = {}  # the other way round: what waits directly for a part
    for name, after in edges.items():
        for before in after:
            waiting.setdefault(before, set()).add(name)
    for name in (CHECK_PREFIX + name for name, after in checks.items() if after is None):
        excluded = _reached(waiting, name)
        edges[name] = tuple(step for step in steps if step not in excluded)
        for step in edges[name]:
            waiting.setdefault(step, set()).add(name)
    return edges


def _reached(edges: Mapping[str, Collection[str]], start: str) -> set[str]:
    """A part and everything that its edges lead to, directly or through others."""
    seen, left = {start}, [start]
    while left:
        for following in edges.get(left.pop(), ()):
            if following not in seen:
                seen.add(following)
                left.append(following)
    return seen


def cycles(edges: Mapping[str, Collection[str]]) -> Iterator[tuple[str, ...]]:
    """Paths that come back to where they began, `(a, b, a)`; a part that is in one is not shown in another.

    Each path is a shortest one through its first part. What is waited for but has no edges of its own is passed over.
    """
    if _is_acyclic(edges):
        return
    shown: set[str] = set()
    for start in edges:
        if start not in shown and (path := _way_back(edges, start)) is not None:
            shown |= set(path)
            yield path


def _is_acyclic(edges: Mapping[str, Collection[str]]) -> bool:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError:
        return False
    return True


def _way_back(edges: Mapping[str, Collection[str]], start: str) -> tuple[str, ...] | None:
    came_from: dict[str, str] = {}
    left = [start]
    while left:
        here = left.pop(0)
        for following in edges.get(here, ()):
            if following == start:
                return (start, *_trace(came_from, start, here), start)
            if following not in came_from:
                came_from[following] = here
                left.append(following)
    return None


def _trace(came_from: Mapping[str, str], start: str, end: str) -> list[str]:
    path = []
    while end != start:
        path.append(end)
        end = came_from[end]
    return path[::-1]
