"""Every reference in a blueprint stands where it may stand, and points at something that exists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lifecycle.blueprint.problems import Path, did_you_mean
from lifecycle.blueprint.references import ENVIRONMENT_KEYS, Kind, Reference, ReferenceInvalid, scan
from lifecycle.blueprint.yaml12 import Document, Fault, Place
from lifecycle.sensitive import JSON


@dataclass(frozen=True, slots=True)
class Grant:
    """What may be referenced at a place, and whether secrets may."""

    no_outputs: str = ""  # why not, if not
    no_secrets: str = ""


_ANYTHING: Final = Grant()
_BEFORE_STACKS: Final = Grant("tags are needed before any stack is applied", "everybody may read tags")
_BEFORE_APPLY: Final = Grant("a drain runs before the apply that may change it")
_CONNECTION: Final = Grant(no_secrets="it would show in the list of processes")
_ON_HOST: Final = Grant(no_secrets="it would show in the host's list of processes")
_FREE_TEXT: Final = ("description", "owner", "pattern")


def grant(path: Path) -> Grant | None:
    """What may be referenced in the text at a path; None where references are not replaced."""
    match path:
        case ("tags", _) | ("configure", _, "hosts", "tags", _) | ("verify", "checks", _, "on" | "from", "tags", _):
            return _BEFORE_STACKS
        case ("connection", "jump", "tags", _) | ("stacks", _, "connection", "jump", "tags", _):
            return _BEFORE_STACKS
        case ("configure", _, "drain", "hosts", "tags", _):
            return _BEFORE_STACKS
        case ("configure", _, "drain", "vars", *_):
            return _BEFORE_APPLY
        case ("connection", "user" | "port" | "jump") | ("stacks", _, "connection", "user" | "port" | "jump"):
            return _CONNECTION
        case ("stacks" | "configure", _, "vars", *_):
            return _ANYTHING
        case ("verify", "checks", _, "command" | "service", *_):
            return _ON_HOST
        case ("verify", "checks", _, "http" | "tls" | "sql", "method" | "engine" | "min_days" | "max_latency"):
            return None
        case ("verify", "checks", _, "http" | "tcp" | "tls" | "sql", *_) | (
            "verify",
            "checks",
            _,
            "expect",
            "stdout",
            *_,
        ):
            return _ANYTHING
        case _:
            return None


def faults(document: Document) -> list[Fault]:
    """Every reference that is misspelt, points at nothing, or stands where none may stand."""
    return list(_walk(document.data, (), document))


def _walk(value: JSON, path: Path, document: Document) -> Iterator[Fault]:
    if isinstance(value, dict):
        for key, item in value.items():
            inside = (*path, key)
            if "${" in key and grant(inside) is not None:
                message = f"the key '{key:.60}' holds a reference, which keys cannot"
                yield Fault(document.key_at(inside), inside, message, "references in values only")
            yield from _walk(item, inside, document)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*path, index), document)
    elif isinstance(value, str) and "${" in value:
        yield from _text(value, path, document)


def _text(text: str, path: Path, document: Document) -> Iterator[Fault]:
    place, allowed = document.value_at(path), grant(path)
    if path[-1] == "ca" and text.startswith(
        "file:"
    ):  # the text itself may be referenced, the file that holds it is named
        allowed = None
    if allowed is None and any(part in _FREE_TEXT for part in path[:1] + path[-1:]):
        return
    for piece in scan(text):
        if isinstance(piece, str):
            continue
        if allowed is None:
            message = "a reference cannot be used here: this is read before anything has a value"
            yield Fault(place, path, message, "the value itself")
            return
        if isinstance(piece, ReferenceInvalid):
            yield Fault(
                place,
                path,
                str(piece),
                "${inputs.NAME}, ${stacks.NAME.outputs.NAME} or ${environment.name}",
                piece.suggestion,
            )
        else:
            yield from (fault._replace(place=place, path=path) for fault in _reference(piece, allowed, document))


def _reference(reference: Reference, allowed: Grant, document: Document) -> Iterator[Fault]:
    """What is wrong with one reference; the caller knows the position."""
    match reference.kind:
        case Kind.INPUT:
            yield from _input(reference, allowed, document)
        case Kind.OUTPUT:
            stacks = document.data.get("stacks")
            if isinstance(stacks, dict) and reference.name not in stacks:
                yield _unknown("stack", reference, stacks, "${stacks.", f".outputs.{reference.output}}}")
            if allowed.no_outputs:
                yield _fault(
                    f"${{{reference}}} cannot be used here: {allowed.no_outputs}",
                    "${inputs.NAME} or ${environment.name}",
                )
        case Kind.ENVIRONMENT:
            if reference.name not in ENVIRONMENT_KEYS:
                known = dict.fromkeys(ENVIRONMENT_KEYS)
                yield _unknown("value of the environment", reference, known, "${environment.", "}")


def _input(reference: Reference, allowed: Grant, document: Document) -> Iterator[Fault]:
    inputs = document.data.get("inputs", {})
    if not isinstance(inputs, dict):
        return
    if reference.name not in inputs:
        yield _unknown("input", reference, inputs, "${inputs.", "}")
        return
    declared = inputs[reference.name] if isinstance(inputs[reference.name], dict) else {}
    if reference.path and declared.get("type") in ("string", "integer", "number", "boolean"):
        yield _fault(
            f"${{{reference}}} leads to nothing: the input is of type {declared['type']}",
            f"${{inputs.{reference.name}}}",
        )
    if declared.get("secret") is True and allowed.no_secrets:
        yield _fault(
            f"the secret ${{{reference}}} cannot be used here: {allowed.no_secrets}", "a value that everybody may see"
        )


def _unknown(what: str, reference: Reference, known: dict[str, JSON], before: str, after: str) -> Fault:
    suggestion = did_you_mean(reference.name, known, before, after)
    expected = "" if suggestion else f"one of {', '.join(known)}" if known else f"a declared {what}"
    return _fault(f"unknown {what} '{reference.name:.60}' in ${{{reference}}}", expected, suggestion)


def _fault(message: str, expected: str = "", suggestion: str = "") -> Fault:
    return Fault(Place(1, 1), (), message, expected, suggestion)
