"""References: `${inputs.x}`, `${stacks.y.outputs.z}`, `${environment.name}`. There is no expression language.

`$${` stands for a literal `${`. A path may lead into a list or mapping: `${stacks.web.outputs.hosts[0].address}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from pydantic import BaseModel

from lifecycle.errors import BatonError, ExitCode
from lifecycle.sensitive import JSON, Sensitive


class Kind(StrEnum):
    """What a reference points at, by its first word."""

    INPUT = "inputs"
    OUTPUT = "stacks"
    ENVIRONMENT = "environment"


ENVIRONMENT_KEYS: Final = ("name", "ssh_public_key", "ca_certificate", "operator_cidr")
"""What `${environment.…}` knows: the environment's name, the public half of the key that Baton generated for it, the
certificate (PEM) of the authority that signs its certificates, and the range that its operators come from."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference. `name` is the input, the stack or the environment's key; `path` leads into the value."""

    kind: Kind
    name: str
    output: str = ""  # of a stack
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        head = f"{self.kind}.{self.name}" + (f".outputs.{self.output}" if self.kind is Kind.OUTPUT else "")
        return head + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)


Lookup: TypeAlias = Callable[[Reference], JSON]
"""Gives the whole input, output or environment value that a reference names (a `Sensitive` if it is one); `path` is not its business."""


class ReferenceInvalid(ValueError):
    """The text is not a reference. `suggestion` says what to write instead, if that is known."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.suggestion = suggestion


class ReferenceUnresolved(BatonError):
    """A reference leads to nothing."""

    exit_code = ExitCode.USAGE


_TOKEN = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_WORD = r"[A-Za-z_][A-Za-z0-9_-]*"
_SHAPE = re.compile(rf"({_WORD})((?:\.{_WORD}|\[[0-9]{{1,6}}\])*)")
_PART = re.compile(rf"\.({_WORD})|\[([0-9]+)\]")
_FORMS = "${inputs.NAME}, ${stacks.NAME.outputs.NAME} or ${environment.name}"


def parse(text: str) -> Reference:
    """The reference written between `${` and `}`. Raises ReferenceInvalid."""
    shape = _SHAPE.fullmatch(text.strip())
    if shape is None:
        raise ReferenceInvalid(f"'${{{text}}}' is not a reference", "for a literal '${' write '$${'")
    parts = [int(index) if index else name for name, index in _PART.findall(shape[2])]
    match shape[1], parts:
        case "inputs", [str(name), *path]:
            return Reference(Kind.INPUT, name, path=tuple(path))
        case "environment", [str(name)]:
            return Reference(Kind.ENVIRONMENT, name)
        case "stacks", [str(name), "outputs", str(output), *path]:
            return Reference(Kind.OUTPUT, name, output, tuple(path))
        case "stacks", [str(name), str(output)] if output != "outputs":
            raise ReferenceInvalid(
                f"'${{{text}}}' is not a reference", f"did you mean '${{stacks.{name}.outputs.{output}}}'?"
            )
    raise ReferenceInvalid(f"'${{{text}}}' is not a reference", "for a literal '${' write '$${'")


def scan(text: str) -> Iterator[str | Reference | ReferenceInvalid]:
    """The pieces of a text in order: literal texts, references, and what looks like one but is none. Never raises."""
    end = 0
    for token in _TOKEN.finditer(text):
        if token.start() > end:
            yield text[end : token.start()]
        end = token.end()
        if token[1] is None:
            yield "${"
        elif not token[2]:
            yield ReferenceInvalid(f"'{token[0]}' has no closing brace", "for a literal '${' write '$${'")
        else:
            try:
                yield parse(token[1])
            except ReferenceInvalid as problem:
                yield problem
    if end < len(text):
        yield text[end:]


def is_reference(text: str) -> bool:
    """Whether the text is exactly one reference, so that it stands for a value of any type."""
    return [type(piece) for piece in scan(text)] == [Reference]


def find(value: object) -> tuple[Reference, ...]:
    """Every reference in a value, in order, each once. Looks into lists, mappings and parts of a blueprint."""
    return tuple(dict.fromkeys(_find(value)))


def _find(value: object) -> Iterator[Reference]:
    if isinstance(value, str):
        yield from (piece for piece in scan(value) if isinstance(piece, Reference))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _find(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _find(item)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _find(getattr(value, name))


def resolve(value: JSON, lookup: Lookup) -> JSON:
    """A copy in which every reference is replaced by what it points at. Raises ReferenceUnresolved, and what `lookup` raises.

    A text that is exactly one reference takes the value with its type. Inside a longer text only scalars may stand (true and
    numbers as JSON writes them). What comes from a Sensitive is a Sensitive. Lists stay lists; mappings become dicts.
    """
    if isinstance(value, str):
        return _resolve_text(value, lookup) if "${" in value else value
    if isinstance(value, Mapping):
        return {key: resolve(item, lookup) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(resolve(item, lookup) for item in value)
    return value


def _resolve_text(text: str, lookup: Lookup) -> JSON:
    pieces = list(scan(text))
    if len(pieces) == 1 and isinstance(pieces[0], Reference):
        return _value(pieces[0], lookup)
    texts, sensitive = [], False
    for piece in pieces:
        if isinstance(piece, ReferenceInvalid):
            raise ReferenceUnresolved(str(piece), hint=piece.suggestion)
        if isinstance(piece, Reference):
            value = _value(piece, lookup)
            sensitive = sensitive or isinstance(value, Sensitive)
            piece = _embed(piece, value.reveal() if isinstance(value, Sensitive) else value)
        texts.append(piece)
    return Sensitive("".join(texts)) if sensitive else "".join(texts)


def _embed(reference: Reference, value: JSON) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    kind = "null" if value is None else "a mapping" if isinstance(value, Mapping) else "a list"
    raise ReferenceUnresolved(
        f"${{{reference}}} is {kind} and cannot stand inside a longer text",
        hint="let the reference be the whole value, or point at one text or number inside it",
        facts={"reference": str(reference)},
    )


def _value(reference: Reference, lookup: Lookup) -> JSON:
    value = lookup(reference)
    sensitive = False
    for depth, part in enumerate(reference.path):
        if isinstance(value, Sensitive):
            value, sensitive = value.reveal(), True
        here = Reference(reference.kind, reference.name, reference.output, reference.path[:depth])
        value = _step(value, part, reference, here)
    return Sensitive(value) if sensitive else value


def _step(value: JSON, part: str | int, reference: Reference, here: Reference) -> JSON:
    facts = {"reference": str(reference)}
    if isinstance(part, int) and isinstance(value, list | tuple):
        if part < len(value):
            return value[part]
        raise ReferenceUnresolved(f"${{{reference}}} leads to nothing: {here} has {len(value)} elements", facts=facts)
    if isinstance(part, str) and isinstance(value, Mapping):
        if part in value:
            return value[part]
        raise ReferenceUnresolved(f"${{{reference}}} leads to nothing: {here} has no '{part}'", facts=facts)
    wanted = "list" if isinstance(part, int) else "mapping"
    raise ReferenceUnresolved(f"${{{reference}}} leads to nothing: {here} is not a {wanted}", facts=facts)
