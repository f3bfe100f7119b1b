"""The ledger: what happened, as a chain of CloudEvents that can be checked offline."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it has its place in the chain."""

    type: str  # reverse-dotted, "baton.environment.phase"
    subject: str  # the environment
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)  # JSON, masked


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One link: `event` is the canonical JSON text of a CloudEvents 1.0 event; `hash` covers prev, seq and text."""

    chain: str
    seq: int  # from 1, without gaps
    event: str
    prev: str
    hash: str

    @property
    def decoded(self) -> dict[str, Any]:
        """The event as a mapping."""
        value: dict[str, Any] = json.loads(self.event)
        return value


def link_hash(prev: str, seq: int, event: str, key: bytes = b"") -> str:
    """Hash of one link; HMAC where a key is given."""
    data = f"{prev}\n{seq}\n{event}".encode()
    return hmac.new(key, data, hashlib.sha256).hexdigest() if key else hashlib.sha256(data).hexdigest()


def append(draft: Draft, *, head: tuple[int, str] | None, event_id: str, source: str, key: bytes = b"") -> LedgerEntry:
    """The next link of a chain. `head` is (seq, hash) of the last one, or None for the first."""
    seq, prev = (head[0] + 1, head[1]) if head else (1, GENESIS)
    event = {
        "specversion": "1.0",
        "id": event_id,
        "type": draft.type,
        "source": source,
        "subject": draft.subject,
        "time": draft.at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": dict(draft.data),
    }
    text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    text = text.encode("utf-8", "backslashreplace").decode()  # a half surrogate (undecodable output) → its JSON escape
    return LedgerEntry(draft.subject, seq, text, prev, link_hash(prev, seq, text, key))


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry at which a chain is broken, and how."""

    seq: int
    reason: str


def verify(
    entries: Iterable[LedgerEntry], *, key: bytes = b"", head: tuple[int, str] | None = None
) -> tuple[int, str] | Broken:
    """Check a chain from its first entry: its head (seq, hash) or the first break.

    A cut-off tail shows only against a published `head`; a full rewrite by somebody who can write to the
    database shows only with a key or a published head.
    """
    prev, seq = GENESIS, 0
    for entry in entries:
        seq += 1
        if entry.seq != seq:
            return Broken(seq, f"entry {seq} is missing (found {entry.seq})")
        if entry.prev != prev:
            return Broken(seq, "does not follow the entry before it")
        if link_hash(prev, seq, entry.event, key) != entry.hash:
            return Broken(seq, "content and hash differ")
        if head and head[0] == seq and head[1] != entry.hash:
            return Broken(seq, "differs from the published head")
        prev = entry.hash
    if head and seq < head[0]:
        return Broken(seq + 1, f"the chain ends at {seq}, the published head is {head[0]}")
    return seq, prev


def overall(heads: Mapping[str, tuple[int, str]]) -> str:
    """One hash over the heads (seq, hash) of all chains: publish it, and no chain can be cut, rewritten or dropped unseen."""
    lines = "".join(f"{chain}\n{seq}\n{head}\n" for chain, (seq, head) in sorted(heads.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
