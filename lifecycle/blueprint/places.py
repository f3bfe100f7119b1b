"""Which keys a place in a blueprint takes, read off the model, and pydantic's errors in plain words."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from lifecycle.blueprint.model import Blueprint
from lifecycle.blueprint.problems import Path, did_you_mean
from lifecycle.blueprint.scalars import ERROR_TYPE, describe
from lifecycle.blueprint.yaml12 import Document, Fault
from lifecycle.sensitive import JSON

LATER: Final[Mapping[Path, frozenset[str]]] = {
    (): frozenset({"drift", "scaling"}),
    ("verify",): frozenset({"pytest"}),
}
"""Keys of features that are planned: they are refused with a word of their own, so that nobody thinks they act."""

_WORDS: Final[Mapping[str, str]] = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_too_short": "a text that is not empty",
}
_BOUNDS: Final[Mapping[str, str]] = {
    "greater_than_equal": "a number from {ge}",
    "less_than_equal": "a number up to {le}",
}
_SECRET_WORDS: Final = ("password", "secret", "token", "authorization", "default")


def keys_at(path: Path, root: type[BaseModel] = Blueprint) -> tuple[str, ...]:
    """The keys that the mapping at a path takes; none where any will do."""
    found = [root] if not path else _types_at(path, root)
    return tuple(dict.fromkeys(key for kind in found if _is_model(kind) for key in _fields(kind)))


def _types_at(path: Path, root: type[BaseModel]) -> list[Any]:
    kinds: list[Any] = [root]
    for step in path:
        kinds = [inner for kind in kinds for inner in _inside(kind, step)]
    return kinds


def _inside(kind: Any, step: str | int) -> Iterator[Any]:
    if _is_model(kind):
        field = _fields(kind).get(str(step))
        yield from _alternatives(field.annotation) if field else ()
    elif get_origin(kind) is dict and isinstance(step, str):
        yield from _alternatives(get_args(kind)[1])
    elif get_origin(kind) in (tuple, list) and isinstance(step, int):
        yield from _alternatives(get_args(kind)[0])


def _alternatives(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for argument in get_args(annotation):
            yield from _alternatives(argument)
    else:
        yield annotation


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


@cache
def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {str(field.validation_alias or name): field for name, field in model.model_fields.items()}


def fault(error: ErrorDetails, document: Document, root: type[BaseModel] = Blueprint) -> Fault:
    """One of pydantic's errors, as a person would say it."""
    path = _path(error["loc"], document.data)
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key((*path[:-1], str(error["loc"][-1])), document, root)
        case "missing":
            return Fault(document.key_at(path), path, f"the key '{error['loc'][-1]}' is missing")
        case _:
            return _wrong_value(error, path, document)


def _wrong_value(error: ErrorDetails, path: Path, document: Document) -> Fault:
    place = document.key_at(path) if error["loc"][-1:] == ("[key]",) else document.value_at(path)
    if error["type"] == ERROR_TYPE:
        context = error.get("ctx", {})
        return Fault(place, path, context["message"], context["expected"], context["suggestion"])
    expected = _expected(error)
    found = "an empty text" if error["input"] == "" else _describe(error["input"], path)
    quotes = expected == "a text" and isinstance(error["input"], bool | int | float)
    return Fault(place, path, f"found {found}", expected, _suggest(error, quotes))


def _path(loc: tuple[str | int, ...], data: JSON) -> Path:
    """pydantic's location without what is no key or index of the data: tags of unions, `[key]`, missing keys."""
    path: Path = ()
    for part in loc:
        inside = isinstance(data, dict) and part in data
        if inside or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            data, path = data[part], (*path, part)
    return path


def _unknown_key(path: Path, document: Document, root: type[BaseModel]) -> Fault:
    key, parent = str(path[-1]), path[:-1]
    place = document.key_at(path)
    if root is Blueprint and key in LATER.get(parent, ()):
        return Fault(place, path, f"'{key}' is not supported yet", "", "remove it; nothing would act on it")
    known = keys_at(parent, root)
    suggestion = did_you_mean(key, known)
    return Fault(
        place, path, f"unknown key '{key:.60}'", "" if suggestion else f"one of {', '.join(known)}", suggestion
    )


def _expected(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context)
    if kind in ("enum", "literal_error"):
        return str(context["expected"]).replace("'", "")
    return _WORDS.get(kind) or error["msg"]


def _suggest(error: ErrorDetails, quotes: bool) -> str:
    if quotes:
        return "put it in quotes"
    if error["type"] == "enum" and isinstance(error["input"], str):
        return did_you_mean(error["input"], _expected(error).replace(" or ", ", ").split(", "))
    return ""


def _describe(value: JSON, path: Path) -> str:
    """The found value; of what may be a secret only its kind."""
    names = [part.lower() for part in path if isinstance(part, str)]
    if names and any(word in names[-1] for word in _SECRET_WORDS) and not isinstance(value, dict | list | None):
        return "a text" if isinstance(value, str) else "a number or boolean"
    return describe(value)
