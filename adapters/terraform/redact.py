"""Keeps secrets out of what Terraform says by its own markers. What stands elsewhere is found by value: lifecycle/scrub.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from lifecycle.sensitive import MASK

TELLING: Final = 8
"""Characters from which on a value under a marker is worth knowing everywhere: `default` or `running` may be marked too."""


def masked(value: Any, marker: Any) -> Any:
    """A copy with `***` where the marker says so. The marker mirrors the value; True stands for the whole subtree."""
    if marker is True:
        return None if value is None else MASK
    if isinstance(marker, dict) and isinstance(value, dict):
        return {key: masked(item, marker.get(key, False)) for key, item in value.items()}
    if isinstance(marker, list) and isinstance(value, list):
        return [masked(item, marker[at] if at < len(marker) else False) for at, item in enumerate(value)]
    return value


def marked(value: Any, marker: Any) -> Iterator[str]:
    """The texts that a marker stands at, long enough to be told from ordinary words; of marked structures nothing."""
    if marker is True:
        if isinstance(value, str) and len(value) >= TELLING:
            yield value
    elif isinstance(marker, dict) and isinstance(value, dict):
        for key, item in value.items():
            yield from marked(item, marker.get(key, False))
    elif isinstance(marker, list) and isinstance(value, list):
        for item, of_item in zip(value, marker, strict=False):
            yield from marked(item, of_item)
