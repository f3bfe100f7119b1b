"""The blueprint's JSON Schema, for editors: `python -m lifecycle.blueprint.schema` prints it."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any, get_args

from pydantic.json_schema import GenerateJsonSchema

from lifecycle.blueprint.descriptions import descriptions
from lifecycle.blueprint.model import Blueprint
from lifecycle.blueprint.probes import KINDS, ON_HOSTS, Part
from lifecycle.blueprint.scalars import format_duration
from lifecycle.blueprint.sources import KeySource

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema. It tells the shape of every part; names, references and circles only `load` can check."""
    found = Blueprint.model_json_schema(by_alias=True, schema_generator=_Generator)
    for part in [found, *found["$defs"].values()]:
        _tidy(part)
    _describe(found)
    found["$defs"]["Check"]["oneOf"] = [_with_probe(kind) for kind in KINDS]
    found["$defs"]["HostSelector"]["minProperties"] = 1
    return {"$schema": DIALECT, **found, "title": "Baton blueprint"}


class _Generator(GenerateJsonSchema):
    """Writes defaults as a blueprint would."""

    def encode_default(self, dft: Any) -> Any:
        match dft:
            case timedelta():
                return format_duration(dft)
            case KeySource():
                return str(dft)
            case Part():
                return dft.explicit()
            case _:
                return super().encode_default(dft)


def _with_probe(kind: str) -> dict[str, list[str]]:
    return {"required": [kind, "on"] if kind in ON_HOSTS else [kind]}


def _tidy(part: dict[str, Any]) -> None:
    """Takes out the titles that repeat the key, and defaults that say nothing."""
    for field in part.get("properties", {}).values():
        field.pop("title", None)
        if field.get("default", 0) is None:
            del field["default"]


def _describe(found: dict[str, Any]) -> None:
    """Puts the text of every key beside it, where editors show it."""
    for model in models():
        part = found if model is Blueprint else found["$defs"].get(model.__name__, {})
        for name, text in descriptions(model).items():
            field = model.model_fields[name]
            part.get("properties", {}).get(field.serialization_alias or name, {})["description"] = text


def models() -> tuple[type[Part], ...]:
    """Every part of a blueprint, each after the one that it stands in, as a reader would meet them."""
    found: dict[type[Part], None] = {}

    def meet(kind: Any) -> None:
        if isinstance(kind, type) and issubclass(kind, Part) and kind not in found:
            found[kind] = None
            for field in kind.model_fields.values():
                meet(field.annotation)
        for inner in get_args(kind):
            meet(inner)

    meet(Blueprint)
    return tuple(found)


def main() -> None:
    json.dump(schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
