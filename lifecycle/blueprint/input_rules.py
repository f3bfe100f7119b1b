"""What a declared input must be in itself: its default, bounds and allowed values fit its type; secrets are kept out of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from lifecycle.blueprint import inputs
from lifecycle.blueprint.model import Input, InputType
from lifecycle.blueprint.yaml12 import Document, Fault
from lifecycle.sensitive import JSON


def faults(declared: Mapping[str, JSON], document: Document) -> Iterator[Fault]:
    """What is wrong with the inputs that a blueprint declares, beside the shape of each key."""
    for name, raw in declared.items():
        spec = _lenient(raw) if isinstance(raw, dict) else None
        for key, message, expected in _rules(spec) if spec else ():
            path = ("inputs", name, key)
            yield Fault(document.value_at(path), path, message, expected)


def _lenient(raw: Mapping[str, JSON]) -> Input | None:
    """An input without those of its keys that are wrong, which the model reports; None if its type is unknown."""
    for _ in range(2):
        try:
            return Input.model_validate(raw, by_alias=True, by_name=False)
        except ValidationError as error:
            wrong = {detail["loc"][0] for detail in error.errors(include_url=False) if detail["loc"]}
            raw = {key: value for key, value in raw.items() if key not in wrong}
    return None


def _rules(spec: Input) -> Iterator[tuple[str, str, str]]:
    """What is wrong in a declaration: the key, the message, what was expected."""
    numeric = spec.type in (InputType.INTEGER, InputType.NUMBER)
    for key in ("minimum", "maximum"):
        if getattr(spec, key) is not None and not numeric:
            yield key, f"'{key}' does not go with type {spec.type}", "type integer or number"
    if spec.minimum is not None and spec.maximum is not None and spec.minimum > spec.maximum:
        yield "minimum", f"the minimum {spec.minimum} is above the maximum {spec.maximum}", ""
    if spec.pattern is not None and spec.type is not InputType.STRING:
        yield "pattern", f"'pattern' does not go with type {spec.type}", "type string"
    if spec.enum is not None and not spec.enum:
        yield "enum", "found an empty list", "the values that are allowed"
    if not all(inputs.has_type(spec.type, value) for value in spec.enum or ()):
        yield "enum", f"not every value is of type {spec.type}", ""
    yield from _secret_rules(spec)
    if spec.has_default and not spec.secret:
        for message in inputs.violations(spec, spec.default):
            found, _, expected = message.partition(", expected ")
            yield "default", found, expected


def _secret_rules(spec: Input) -> Iterator[tuple[str, str, str]]:
    if spec.source is not None and not spec.secret:
        yield "from", "'from' is only for secrets", "'secret: true' beside it"
    if spec.secret and spec.type is not InputType.STRING:
        yield "type", f"a secret cannot be of type {spec.type}", "string"
    if spec.secret and spec.has_default:
        yield "default", "a secret cannot have a default: it would be readable in this file", "'from' in its place"
