"""What every key of a blueprint means: the text under each field of the model, for editors and for the reference.

Read from the source only when somebody asks, so that no command pays for it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel


@cache
def descriptions(model: type[BaseModel]) -> Mapping[str, str]:
    """Field → its text in one line, inherited fields included; a field without a text is absent."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if "__annotations__" in vars(kind) and kind.__module__.startswith("lifecycle."):
            found |= attribute_texts(kind)
    return MappingProxyType({name: found[name] for name in model.model_fields if name in found})


def attribute_texts(kind: type) -> dict[str, str]:
    """Attribute → the text under it in a class body, in one line."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            words = text.value.value if isinstance(text.value, ast.Constant) else None
            if isinstance(words, str):
                found[field.target.id] = " ".join(words.split())
    return found
