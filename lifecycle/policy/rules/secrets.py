"""Secrets that stand in clear where many can read them. A message says what kind it is and where, and never the secret."""

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from lifecycle.blueprint.policy_rules import NoPlaintextSecret
from lifecycle.policy.planned import Planned, Remark, breach, matches, not_known
from lifecycle.policy.values import Hidden, Known, Unknown
from lifecycle.sensitive import JSON, MASK

_USER_DATA: Final[Mapping[str, tuple[str, ...]]] = {
    "aws_instance": ("user_data", "user_data_base64"),
    "aws_spot_instance_request": ("user_data", "user_data_base64"),
    "aws_launch_template": ("user_data",),
    "aws_launch_configuration": ("user_data", "user_data_base64"),
}
_SHA1: Final = re.compile(r"[0-9a-f]{40}")
_CURE: Final = "have the host fetch it, or hand it over in a configure step: secrets by reference stay masked"

_NAMES: Final = re.compile(r"passw(?:or)?d|passphrase|secret|token|private_?key|api_?key", re.IGNORECASE)
_HARMLESS: Final = re.compile(
    r"_(?:arn|id|name|length|path|file|policy|ttl|expiry|days|count|enabled|url|version)$", re.IGNORECASE
)
_KINDS: Final[Mapping[str, re.Pattern[str]]] = {
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"),
    "a Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
    "a secret that Baton knows": re.compile(re.escape(MASK)),
    "a password": re.compile(
        r"""(?:passw(?:or)?d|passphrase|secret|api_?key|token)\b["']?\s*[=:]\s*["']?(?![$<{*\s"']|\w+\()[^\s"']{6,}""",
        re.IGNORECASE,
    ),
}
_WORD: Final = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+_-]{32,100}={0,2}(?![A-Za-z0-9+/_=-])")
_PUBLIC: Final = re.compile(
    r"-----BEGIN (?P<what>(?:[A-Z0-9]+ )*(?:CERTIFICATE(?: REQUEST)?|PUBLIC KEY|CRL))-----.*?-----END (?P=what)-----"
    r"|\b(?:ssh-|ecdsa-sha2-|sk-)[a-z0-9@.-]+ +AAAA[A-Za-z0-9+/]+={0,2}"
    r"|\bsha(?:256|384|512)[-:][A-Za-z0-9+/]+={0,2}",
    re.DOTALL,
)
"""What looks random and is meant to be seen: certificates, public keys, digests with the name of their algorithm."""
_BITS: Final = 4.5
"""Bits per letter from which on a long word with small and large letters and digits is no word, name or digest."""


def no_plaintext_secret(keys: NoPlaintextSecret, planned: Planned) -> Iterator[Remark]:
    """Secrets in user data, in variables of stacks and in inputs, by their form or by the name that they have."""
    for kind, attributes in _USER_DATA.items():
        for resource in planned.of(kind):
            for name in attributes:
                match resource.get(name):
                    case Known(value=str() as text) if _SHA1.fullmatch(text):
                        yield not_known(resource, f"of {name} the provider tells a digest only")
                    case Known(value=str() as text):
                        for found in sorted({*kinds(text), *kinds(_decoded(text))}):
                            yield breach(resource, f"{name} holds {found} in clear", _CURE)
                    case Unknown():
                        yield not_known(resource, f"{name} is known only after apply")
                    case Hidden():
                        yield not_known(
                            resource,
                            f"{name} is made of something sensitive, and every process on the host can read it",
                        )
                    case _:
                        pass
    for stack in planned.facts.stacks:
        yield from _named(stack.variables, f"the variable '{{}}' of the stack {stack.name}", keys.ignore, stack.name)
    yield from _named(planned.facts.inputs, "the input '{}'", keys.ignore)


def _named(values: Mapping[str, JSON], what: str, ignore: tuple[str, ...], stack: str = "") -> Iterator[Remark]:
    cure = "make it an input with secret: true and a source, and refer to it"
    for path, name, text in _texts(values):
        if matches(name, ignore) or matches(path, ignore) or text == MASK:
            continue
        found = {kind for kind in kinds(text) if MASK not in text or "Baton knows" not in kind}
        if not found and _NAMES.search(name) and not _HARMLESS.search(name) and text and not text.startswith("${"):
            found = {"what its name calls a secret"}
        for kind in sorted(found):
            yield Remark(f"{what.format(path)} holds {kind} in clear", cure, stack)


def _texts(values: JSON, path: str = "", name: str = "") -> Iterator[tuple[str, str, str]]:
    """Every text inside, with its path and the nearest name above it."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from _texts(value, f"{path}.{key}" if path else str(key), str(key))
    elif isinstance(values, list | tuple):
        for index, value in enumerate(values):
            yield from _texts(value, f"{path}[{index}]", name)
    elif isinstance(values, str):
        yield path, name, values


def kinds(text: str) -> Iterator[str]:
    """What kinds of secrets a text looks to hold."""
    for kind, pattern in _KINDS.items():
        if pattern.search(text):
            yield kind
    if any(_random(match[0]) for match in _WORD.finditer(_PUBLIC.sub(" ", text))):
        yield "what looks like a random key"


def _random(word: str) -> bool:
    kinds_of_letters = (re.search(r"[a-z]", word), re.search(r"[A-Z]", word), re.search(r"\d", word))
    if not all(kinds_of_letters):
        return False
    counts = Counter(word.rstrip("="))
    total = sum(counts.values())
    return -sum(n / total * math.log2(n / total) for n in counts.values()) >= _BITS


def _decoded(text: str) -> str:
    """What a base64 text says; empty where it is none."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
