"""The inputs of one run, with the secrets among them fetched."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from adapters.registry import Registry
from flows.blocks import secret_block
from flows.place import Place
from lifecycle.blueprint import references
from lifecycle.blueprint.inputs import resolve_inputs
from lifecycle.blueprint.model import Blueprint
from lifecycle.blueprint.scalars import SecretRef
from lifecycle.desired import Goal
from lifecycle.errors import BatonError, ExitCode
from lifecycle.events import Level, saying
from lifecycle.ports import EventSink
from lifecycle.retries import Backoff, insist
from lifecycle.sensitive import Sensitive


class InputsInvalid(BatonError):
    """The given inputs do not fit the blueprint."""

    exit_code = ExitCode.USAGE


def inputs(
    place: Place, goal: Goal, registry: Registry, sink: EventSink, wait: Callable[[float], bool]
) -> dict[str, Any]:
    """Every input's value; secrets are fetched now, made known to the scrubber first, and wrapped.

    Only secrets that the goal needs are fetched. All of them at once and before any step: which steps may be skipped is
    decided by digests over the values. A teardown goes without those that cannot be had any more: the provisioner remembers
    what it was given last.
    """
    registry.withhold(place.blueprint)
    values, problems = resolve_inputs(place.blueprint, place.inputs)
    if goal is Goal.DOWN:
        problems = tuple(p for p in problems if p.name in place.inputs)
    if problems:
        known = any(p.name in place.blueprint.inputs for p in problems)
        hint = "give values with --input NAME=VALUE" if known else ""
        raise InputsInvalid("; ".join(str(p) for p in problems), hint=hint)
    found = {name: value for name, value in values.items() if not isinstance(value, SecretRef)}
    needed = _needed(place.blueprint, goal)
    found |= _fetched(
        {n: v for n, v in values.items() if n not in found and n in needed}, place, goal, registry, sink, wait
    )
    registry.scrubber.add([value for value in found.values() if isinstance(value, Sensitive)])
    return found


def _needed(blueprint: Blueprint, goal: Goal) -> set[str]:
    """The inputs that are used anywhere; by stacks and tags alone on the way down."""
    parts = [blueprint.stacks, blueprint.tags] if goal is Goal.DOWN else blueprint
    return {r.name for r in references.find(parts) if r.kind is references.Kind.INPUT}


def _fetched(
    wanted: dict[str, SecretRef],
    place: Place,
    goal: Goal,
    registry: Registry,
    sink: EventSink,
    wait: Callable[[float], bool],
) -> Iterator[tuple[str, Sensitive]]:
    """Name and value of each secret. What keeps one does not answer: it is asked again a few times."""
    say = saying(sink, registry.clock.now)
    secrets = registry.secrets(
        place.origin.parent, secret_block, lambda words: say("secret.readable", words, level=Level.WARNING)
    )
    for name, reference in wanted.items():
        try:
            value = insist(partial(secrets.resolve, place.ref, name, str(reference)), Backoff(), say, wait)
        except BatonError as error:
            if goal is not Goal.DOWN:
                raise
            say("secret.missing", f"{error.message}; the teardown goes on without it", level=Level.WARNING)
            continue
        yield name, Sensitive(value)
