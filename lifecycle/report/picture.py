"""An environment as a picture: stacks, what is configured on their hosts, what is checked, as a mermaid graph."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from lifecycle.desired import ConfigureTarget, Desired

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def lifecycle_graph(
    desired: Desired, stack_notes: Mapping[str, str] = _NOTHING, step_notes: Mapping[str, str] = _NOTHING
) -> Iterator[str]:
    """Stacks → configure steps → checks, in the order in which they depend on one another. Lines, without the fence.

    Notes are words about a stack or a configure step, by name.
    """
    stacks = {name: f"s{n}" for n, name in enumerate(desired.stacks)}
    steps = {name: f"c{n}" for n, name in enumerate(desired.configure)}
    checks = {name: f"v{n}" for n, name in enumerate(desired.checks)}
    yield "graph LR"
    yield from (f'  {at}["{_noted(name, stack_notes)}"]' for name, at in stacks.items())
    yield from (f'  {at}(["{_noted(name, step_notes, "configure ")}"])' for name, at in steps.items())
    yield from (f'  {at}{{{{"{name}"}}}}' for name, at in checks.items())
    for name, stack in desired.stacks.items():
        yield from _arrows(stacks, stack.needs, stacks[name])
    for name, step in desired.configure.items():
        yield from _arrows(stacks, _stacks(desired, step), steps[name])
        yield from _arrows(steps, step.steps, steps[name])
        yield from _arrows(checks, step.checks, steps[name])
    for name, check in desired.checks.items():
        after = [*_arrows(steps, check.steps, checks[name]), *_arrows(checks, check.checks, checks[name])]
        yield from after or _arrows(stacks, check.stacks or desired.stacks, checks[name])


def _noted(name: str, notes: Mapping[str, str], what: str = "") -> str:
    note = notes.get(name, "").replace('"', "'")
    return f"{what}{name}: {note}" if note else f"{what}{name}"


def _stacks(desired: Desired, step: ConfigureTarget) -> Iterable[str]:
    """The stacks whose hosts a step may be about, and those whose outputs it is given."""
    own = {step.selector.stack} if step.selector.stack else set(desired.stacks) if not step.steps else set()
    return own | step.stacks


def _arrows(ids: Mapping[str, str], names: Iterable[str], to: str) -> Iterator[str]:
    yield from (f"  {ids[name]} --> {to}" for name in sorted(names) if name in ids)
