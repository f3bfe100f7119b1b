"""One value out of a document of several: YAML or JSON, every scalar as the text that is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from adapters.secrets.errors import SecretMissing


def part(text: str, key: str, where: str) -> str:
    """The text at a key of a YAML or JSON document; `a.b` is key `b` of what is at `a`, unless there is a key `a.b`."""
    return value_at(_parsed(text, where), key, where)


def value_at(document: Any, key: str, where: str) -> str:
    """The text at a key of a document that is parsed already. Raises SecretMissing."""
    found = _found(document, key)
    match found:
        case "":
            raise SecretMissing(f"{where}: the key '{key}' is empty")
        case str():
            return found
        case bool():
            return str(found).lower()
        case int() | float():
            return json.dumps(found)
        case None:
            raise SecretMissing(f"{where} has no key '{key}'", hint="the part behind `#` names a key of the document")
        case _:
            raise SecretMissing(f"{where}: the key '{key}' holds several values", hint="name one of them: #KEY.KEY")


def _parsed(text: str, where: str) -> Any:
    """The document, with numbers as they are written: YAML would read the password 0123 as 83. The parsers' words quote it."""
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        pass
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - of all loaders the one that makes texts only
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise SecretMissing(
            f"{where} is neither YAML nor JSON{line}", hint="without `#KEY` it is taken whole"
        ) from None


def _found(document: Any, key: str) -> Any:
    if not isinstance(document, Mapping):
        return None
    if key in document:
        return document[key]
    first, dot, rest = key.partition(".")
    return _found(document.get(first), rest) if dot else None
