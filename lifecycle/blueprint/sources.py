"""Where files, keys and secrets come from: always by reference, never in the blueprint itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


def _parse_file(text: str) -> str | None:
    return text if text.removeprefix("file:") not in ("", text) else None


class KeyKind(StrEnum):
    """Where the private key for SSH comes from."""

    GENERATE = "generate"  # Baton makes one for the environment and keeps it
    FILE = "file"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the private key for SSH comes from; `path` only for a file."""

    kind: KeyKind = KeyKind.GENERATE
    path: str = ""

    def __str__(self) -> str:
        return f"file:{self.path}" if self.kind is KeyKind.FILE else self.kind.value


def parse_key(text: str) -> KeySource | None:
    """The key's source as written; None if it is none."""
    if text in (KeyKind.GENERATE, KeyKind.AGENT):
        return KeySource(KeyKind(text))
    return KeySource(KeyKind.FILE, text.removeprefix("file:")) if _parse_file(text) else None


class SecretScheme(StrEnum):
    """Where a secret's value comes from."""

    ENV = "env"  # an environment variable, by name
    FILE = "file"  # a file, by path relative to the blueprint's folder
    GENERATE = "generate"  # made once for the environment, of so many characters
    CERTIFICATE = "certificate"  # private key and certificate (PEM) for these names, by the environment's own authority


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret by reference: its value is fetched by an adapter, as late as possible. `name` is a variable, a path, a length or names."""

    scheme: SecretScheme
    name: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"


_SERVER = r"(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?"
SECRET: Final = (
    r"(env):([A-Za-z_][A-Za-z0-9_]*)|(file):(.+)|(generate):([1-9][0-9]{0,2})|"
    rf"(certificate):({_SERVER}(?:,{_SERVER}){{0,19}})"
)
_SECRET = re.compile(SECRET)
FROM_WORDS: Final = "env:NAME, file:PATH, generate:LENGTH (8 to 512 characters) or certificate:SERVER.EXAMPLE.COM[,…]"


def parse_secret(text: str) -> SecretRef | None:
    """The secret's source as written; None if it is none."""
    match = _SECRET.fullmatch(text)
    if match is None:
        return None
    scheme, name = (part for part in match.groups() if part is not None)
    if scheme == SecretScheme.GENERATE and not 8 <= int(name) <= 512:
        return None
    return SecretRef(SecretScheme(scheme), name)
