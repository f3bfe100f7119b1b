"""Where files, keys and secrets come from: always by reference, never in the blueprint itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lifecycle.blueprint.problems import did_you_mean


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
    PREFECT = "prefect"  # a Secret block of the engine
    AWS_SSM = "aws-ssm"  # a parameter of AWS Systems Manager, decrypted
    AWS_SM = "aws-sm"  # a secret of AWS Secrets Manager, by name or ARN
    VAULT = "vault"  # a key of a secret in HashiCorp Vault
    AGE = "age"  # a file that is encrypted with age
    ANSIBLE_VAULT = "ansible-vault"  # a file, or values in a file, that Ansible's vault has encrypted


@dataclass(frozen=True, slots=True)
class SecretForm:
    """How the references of one scheme are written: what may stand behind the colon, and in words the whole."""

    pattern: str
    words: str


_SERVER = r"(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?"
_KEY = r"(?:#.+)?"
FORMS: Final[Mapping[SecretScheme, SecretForm]] = {
    SecretScheme.ENV: SecretForm(r"[A-Za-z_][A-Za-z0-9_]*", "env:NAME"),
    SecretScheme.FILE: SecretForm(r".+", "file:PATH"),
    SecretScheme.GENERATE: SecretForm(
        r"(?:[89]|[1-9][0-9]|[1-4][0-9]{2}|50[0-9]|51[0-2])", "generate:LENGTH (8 to 512 characters)"
    ),
    SecretScheme.CERTIFICATE: SecretForm(rf"{_SERVER}(?:,{_SERVER}){{0,19}}", "certificate:SERVER.EXAMPLE.COM[,…]"),
    SecretScheme.PREFECT: SecretForm(rf"[a-z0-9][a-z0-9-]*{_KEY}", "prefect:BLOCK[#KEY]"),
    SecretScheme.AWS_SSM: SecretForm(r"[A-Za-z0-9/_.:-]+", "aws-ssm:/PATH"),
    SecretScheme.AWS_SM: SecretForm(rf"[A-Za-z0-9/_+=.@:!-]+{_KEY}", "aws-sm:NAME[#KEY]"),
    SecretScheme.VAULT: SecretForm(r"[^#/]+(?:/[^#/]+)+#.+", "vault:MOUNT/PATH#KEY"),
    SecretScheme.AGE: SecretForm(r"[^#]+(?:#.+)?", "age:FILE[#KEY]"),
    SecretScheme.ANSIBLE_VAULT: SecretForm(r"[^#]+(?:#.+)?", "ansible-vault:FILE[#KEY]"),
}

SECRET: Final = "|".join(f"{scheme}:{form.pattern}" for scheme, form in FORMS.items())
"""Every reference to a secret, for the JSON Schema."""
FROM_WORDS: Final = " or ".join(", ".join(form.words for form in FORMS.values()).rsplit(", ", 1))


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret by reference: its value is fetched by an adapter, as late as possible. `name` is all that follows the colon."""

    scheme: SecretScheme
    name: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"

    @property
    def place(self) -> str:
        """What holds the secret, where the scheme knows keys: all before the `#`."""
        return self.name.partition("#")[0]

    @property
    def key(self) -> str:
        """Which part of what is there, where the scheme knows keys: all behind the `#`; empty for the whole."""
        return self.name.partition("#")[2]


def parse_secret(text: str) -> SecretRef | None:
    """The secret's source as written; None if it is none."""
    word, _, name = text.partition(":")
    if not shows_scheme(text) or re.fullmatch(FORMS[SecretScheme(word)].pattern, name) is None:
        return None
    return SecretRef(SecretScheme(word), name)


UNSHOWN: Final = "no reference to a secret (it is not shown: it may be the secret itself)"
"""What is found where somebody wrote anything else."""


def shows_scheme(text: str) -> bool:
    """Whether a text begins as a reference to a secret does."""
    word, colon, _ = text.partition(":")
    return bool(colon) and word in set(SecretScheme)


def expected_secret(text: str) -> tuple[str, str]:
    """What is to be written in place of a text that is no source of a secret, in words, and the scheme that was likely meant."""
    word, colon, _ = text.partition(":")
    if shows_scheme(text):
        return FORMS[SecretScheme(word)].words, ""
    return FROM_WORDS, did_you_mean(word, SecretScheme, after=":") if colon else ""
