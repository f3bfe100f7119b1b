"""Keeps secrets out of what Terraform says: first by its own markers, then by the values that are known."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

from lifecycle.sensitive import MASK, Sensitive

SHORTEST = 6
"""Letters from which on a value is looked for in texts. Shorter ones (a digit, `true`) would mask half of every message."""


def masked(value: Any, marker: Any) -> Any:
    """A copy with `***` where the marker says so. The marker mirrors the value; True stands for the whole subtree."""
    if marker is True:
        return None if value is None else MASK
    if isinstance(marker, dict) and isinstance(value, dict):
        return {key: masked(item, marker.get(key, False)) for key, item in value.items()}
    if isinstance(marker, list) and isinstance(value, list):
        return [masked(item, marker[at] if at < len(marker) else False) for at, item in enumerate(value)]
    return value


class Scrubber:
    """Masks known secret values wherever they appear: as they are, or JSON, URL or base64 encoded."""

    def __init__(self, secrets: Iterable[Any] = ()) -> None:
        texts = {text for secret in secrets for text in _texts(secret) if len(text) >= SHORTEST}
        forms = {form for text in texts for form in _forms(text)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def text(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """A copy of a JSON value with every text in it scrubbed."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value


def sensitive_parts(value: Any) -> Iterator[Any]:
    """What the Sensitive wrappers inside a value hold."""
    if isinstance(value, Sensitive):
        yield value.reveal()
    elif isinstance(value, dict):
        for item in value.values():
            yield from sensitive_parts(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from sensitive_parts(item)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield from (line for line in value.splitlines() if line != value)  # Terraform prints a heredoc line by line
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _forms(text: str) -> Iterator[str]:
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield urllib.parse.quote(text, safe="")
    yield urllib.parse.quote_plus(text)
    data = text.encode()
    for shift in range(3):  # what base64 makes of it depends on where in a larger text it begins
        whole = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        core = whole[(0, 2, 3)[shift] : len(whole) - (1 if (len(data) + shift) % 3 else 0)]
        if len(core) >= 8:
            yield core
            yield core.replace("+", "-").replace("/", "_")
