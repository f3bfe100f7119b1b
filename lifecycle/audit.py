"""Holding a ledger against what was published of it: heads, exported entries, and what is found. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from lifecycle.errors import BatonError, ExitCode
from lifecycle.ledger import GENESIS, Broken, LedgerEntry, overall, verify

OVERALL: Final = "overall"
_HEAD = re.compile(r"([a-z0-9/-]+)@([1-9][0-9]{0,17}):([0-9a-f]{64})")
_OVERALL = re.compile(rf"{OVERALL}:([0-9a-f]{{64}})")
# What an export's line holds: with these five, anybody can check a chain.
_TYPES: Final[Mapping[str, type]] = {"chain": str, "seq": int, "event": str, "prev": str, "hash": str}


class BadHead(BatonError):
    """A published head cannot be used."""

    exit_code = ExitCode.USAGE


class NotAnExport(BatonError):
    """An exported ledger cannot be read."""


def head_text(chain: str, head: tuple[int, str]) -> str:
    """A head as it is published: `shop/dev@12:` and the hash of entry 12."""
    return f"{chain}@{head[0]}:{head[1]}"


@dataclass(frozen=True, slots=True)
class Published:
    """What was published earlier: heads by chain, and the hash over all heads."""

    heads: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    overall: str = ""

    @property
    def stands_for_its_heads(self) -> bool:
        """Whether the hash over all heads is the one over these: then they are the heads of that day."""
        return overall(self.heads) == self.overall

    def of(self, chain: str) -> "Published":
        """What was published of one chain. Raises BadHead where only a hash over all chains was."""
        if self.overall and not self.stands_for_its_heads:
            raise BadHead(
                "a hash over all heads says nothing about one environment", hint="give that environment's head too"
            )
        return Published({name: head for name, head in self.heads.items() if name == chain})


def published(texts: Iterable[str]) -> Published:
    """What lines of `baton audit head` say; empty ones and comments (#) are left out. Raises BadHead."""
    heads: dict[str, tuple[int, str]] = {}
    for text in texts:
        words = text.strip()
        if not words or words.startswith("#"):
            continue
        if match := _OVERALL.fullmatch(words):
            chain, head = OVERALL, (0, match[1])
        elif match := _HEAD.fullmatch(words):
            chain, head = match[1], (int(match[2]), match[3])
        else:
            raise BadHead(
                f"'{words}' is no head", hint="write ENVIRONMENT@SEQ:HASH or overall:HASH, as `baton audit head`"
            )
        if heads.setdefault(chain, head) != head:
            raise BadHead(f"two heads are given for {chain}", hint="give the later one: it covers what is before it")
    return Published({k: v for k, v in heads.items() if k != OVERALL}, heads.get(OVERALL, (0, ""))[1])


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of one chain: its head (seq, hash), or where it breaks."""

    chain: str
    found: tuple[int, str] | Broken


def check(chains: Mapping[str, Iterable[LedgerEntry]], known: Published, key: bytes = b"") -> list[Checked]:
    """Every chain that is there, that should be there (it is named without entries), or that a head was published of."""
    checked = []
    for chain in sorted({*chains, *known.heads}):
        found = verify(chains.get(chain, ()), key=key, head=known.heads.get(chain))
        if found == (0, GENESIS):
            found = Broken(1, "nothing is left of this chain")
        checked.append(Checked(chain, found))
    return checked


def whole(checked: Iterable[Checked]) -> bool:
    return not any(isinstance(c.found, Broken) for c in checked)


def overall_of(checked: Iterable[Checked]) -> str:
    """The hash over the heads of these chains; empty where one of them is broken, for then it has no head."""
    found = {c.chain: c.found for c in checked}
    heads = {chain: head for chain, head in found.items() if not isinstance(head, Broken)}
    return overall(heads) if heads.keys() == found.keys() else ""


# Exports


def read_export(lines: Iterable[str]) -> dict[str, list[LedgerEntry]]:
    """The chains of an export, each in the order of its lines. Raises NotAnExport, naming the line."""
    chains: dict[str, list[LedgerEntry]] = {}
    last = "none"
    for number, line in enumerate(lines, 1):
        entry = _entry(line)
        if entry is None:
            raise NotAnExport(
                f"line {number} is no ledger entry (the last one before it: {last})",
                hint="an export is what `baton audit export` writes; from this line on nothing was checked",
            )
        chains.setdefault(entry.chain, []).append(entry)
        last = f"{entry.chain}, entry {entry.seq}"
    if not chains:
        raise NotAnExport("there is no ledger entry in it", hint="an export is what `baton audit export` writes")
    return chains


def _entry(line: str) -> LedgerEntry | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or any(type(value.get(name)) is not kind for name, kind in _TYPES.items()):
        return None
    return LedgerEntry(**{name: value[name] for name in _TYPES})
