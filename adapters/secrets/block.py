"""prefect:BLOCK[#KEY]: a Secret block of the engine, read by whoever knows the engine: a flow passes that in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.secrets.documents import part, value_at
from adapters.secrets.errors import SecretMissing

Read = Callable[[str], Any]
"""A block's name → its value (a text, or what JSON can hold); None where there is no such block. Raises SecretMissing."""


def block(place: str, key: str, read: Read | None) -> str:
    """The block's text, or the text at a key of the JSON in it. Raises SecretMissing."""
    what = f"the Secret block {place}"
    if read is None:
        raise SecretMissing(f"{what} can be read in a run only", hint="only there an engine is at hand")
    value = read(place)
    if value is None:
        hint = (
            "make it in the UI under Blocks, or with prefect.blocks.system.Secret; is it in this engine (BATON_ENGINE)?"
        )
        raise SecretMissing(f"the engine has no Secret block {place}", hint=hint)
    if key:
        return part(value, key, what) if isinstance(value, str) else value_at(value, key, what)
    if isinstance(value, Mapping | list):
        raise SecretMissing(f"{what} holds several values", hint=f"name one of them: prefect:{place}#KEY")
    if value == "":
        raise SecretMissing(f"{what} is empty")
    return value if isinstance(value, str) else value_at({"value": value}, "value", what)
