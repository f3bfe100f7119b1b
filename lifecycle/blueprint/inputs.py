"""The inputs of one environment: what was given, checked against what the blueprint declares."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lifecycle.blueprint.model import Blueprint, Input, InputType
from lifecycle.blueprint.problems import did_you_mean
from lifecycle.blueprint.scalars import describe
from lifecycle.sensitive import JSON, Sensitive

_WORDS: Final[Mapping[InputType, str]] = {
    InputType.STRING: "a text",
    InputType.INTEGER: "a whole number",
    InputType.NUMBER: "a number",
    InputType.BOOLEAN: "true or false",
    InputType.LIST: "a list",
    InputType.MAP: "a mapping",
}


@dataclass(frozen=True, slots=True)
class InputProblem:
    """One thing that is wrong with the given inputs. The value of a secret is never in it."""

    name: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        return f"input '{self.name}': {self.message}" + (f"; {self.suggestion}" if self.suggestion else "")


def resolve_inputs(
    blueprint: Blueprint, given: Mapping[str, JSON | Sensitive]
) -> tuple[dict[str, JSON], tuple[InputProblem, ...]]:
    """The value of every input, and all problems with what was given.

    A text for an input of another type (from a command line) is parsed: numbers and booleans as JSON writes them, lists and
    maps as JSON, a list of texts also as `a,b,c`. A given value of a secret comes out as a Sensitive; a secret that was not
    given as its SecretRef, for an adapter to fetch. Inputs with problems have no value.
    """
    values: dict[str, JSON] = {}
    problems = [
        InputProblem(name, "the blueprint has no such input", did_you_mean(name, blueprint.inputs))
        for name in given
        if name not in blueprint.inputs
    ]
    for name, spec in blueprint.inputs.items():
        if name in given:
            raw = given[name]
            value = _parsed(spec.type, raw.reveal() if isinstance(raw, Sensitive) else raw)
            wrong = [InputProblem(name, message) for message in violations(spec, value)]
            problems += wrong
            if not wrong:
                values[name] = Sensitive(value) if spec.secret or isinstance(raw, Sensitive) else value
        elif spec.source is not None:
            values[name] = spec.source
        elif spec.has_default:
            values[name] = spec.default
        else:
            problems.append(InputProblem(name, f"a value is needed: {_WORDS[spec.type]}", _how_to_give(name, spec)))
    return values, tuple(problems)


def _how_to_give(name: str, spec: Input) -> str:
    return "give it a source with 'from'" if spec.secret else f"give one with --input {name}=VALUE, or add a default"


def _parsed(kind: InputType, value: JSON) -> JSON:
    """A text from a command line as the declared type; as it is where it does not fit, for `violations` to say so."""
    if not isinstance(value, str) or kind is InputType.STRING:
        return value
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = None
    if has_type(kind, parsed):
        return parsed
    if kind is InputType.LIST and not value.lstrip().startswith(("[", "{")):
        return [item.strip() for item in value.split(",")] if value.strip() else []
    return value


def has_type(kind: InputType, value: JSON) -> bool:
    """Whether a value is of an input's type. A number is never a boolean; a whole number may be written 2 but not 2.0."""
    match kind:
        case InputType.STRING:
            return isinstance(value, str)
        case InputType.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case InputType.NUMBER:
            finite = isinstance(value, int) or (
                isinstance(value, float) and abs(value) != float("inf") and value == value
            )
            return finite and not isinstance(value, bool)
        case InputType.BOOLEAN:
            return isinstance(value, bool)
        case InputType.LIST:
            return isinstance(value, list | tuple)
        case InputType.MAP:
            return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def violations(spec: Input, value: JSON) -> Iterator[str]:
    """What is wrong with a value for an input, in words: its type, or its enum, bounds and pattern."""
    found = "what was given" if spec.secret else describe(value)
    if not has_type(spec.type, value):
        yield f"found {found}, expected {_WORDS[spec.type]}"
        return
    if spec.enum is not None and not any(_same(value, allowed) for allowed in spec.enum):
        yield f"found {found}, expected one of {', '.join(json.dumps(allowed) for allowed in spec.enum)}"
    if isinstance(value, int | float):
        if spec.minimum is not None and value < spec.minimum:
            yield f"found {found}, expected at least {spec.minimum}"
        if spec.maximum is not None and value > spec.maximum:
            yield f"found {found}, expected at most {spec.maximum}"
    if isinstance(value, str) and spec.pattern is not None and re.fullmatch(spec.pattern, value) is None:
        yield f"found {found}, expected a text that matches {spec.pattern}"


def _same(one: JSON, other: JSON) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
