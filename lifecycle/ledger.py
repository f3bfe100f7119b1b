"""The ledger: what happened, as a chain of CloudEvents that can be checked offline."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

GENESIS = "0" * 64
SEAL = "seal"
"""The attribute of an event that names the key which its link is sealed with."""


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

    @property
    def readable(self) -> dict[str, Any] | None:
        """The event as a mapping; None where somebody made something else of its text."""
        try:
            value: Any = json.loads(self.event)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    @property
    def seal(self) -> str:
        """Id of the key that the link says it is sealed with; empty for none."""
        return str((self.readable or {}).get(SEAL, ""))


def seal_id(key: bytes) -> str:
    """A name for a key that does not tell the key; empty without one."""
    return hmac.new(key, b"baton ledger seal", hashlib.sha256).hexdigest()[:16] if key else ""


def link_hash(prev: str, seq: int, event: str, key: bytes = b"") -> str:
    """Hash of one link; HMAC where a key is given."""
    data = f"{prev}\n{seq}\n{event}".encode("utf-8", "surrogatepass")  # what is no Unicode any more has a hash too
    return hmac.new(key, data, hashlib.sha256).hexdigest() if key else hashlib.sha256(data).hexdigest()


def append(draft: Draft, *, head: tuple[int, str] | None, event_id: str, source: str, key: bytes = b"") -> LedgerEntry:
    """The next link of a chain, sealed where there is a key. `head` is (seq, hash) of the last one, None for the first."""
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
    } | ({SEAL: seal_id(key)} if key else {})
    text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    text = text.encode("utf-8", "backslashreplace").decode()  # a half surrogate (undecodable output) → its JSON escape
    return LedgerEntry(draft.subject, seq, text, prev, link_hash(prev, seq, text, key))


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry at which a chain is broken, and how."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unsealed(Broken):
    """Nothing is wrong with the chain but that no key covers it: anybody may have written it."""


def verify(
    entries: Iterable[LedgerEntry], *, key: bytes = b"", head: tuple[int, str] | None = None
) -> tuple[int, str] | Broken:
    """Check a chain from its first entry: its head (seq, hash) or the first break.

    A cut-off tail shows only against a published `head`; a full rewrite by somebody who can write to the
    database shows only with a key or a published head. With a key every entry must be covered: by a sealed one, itself
    or a later one, or by the head. Before the first sealed entry there may be plain ones, after it there may be none.
    """
    prev, seq, sealed = GENESIS, 0, False
    for entry in entries:
        seq += 1
        event = entry.readable or {}
        seal = str(event.get(SEAL, ""))
        fault = _misplaced(entry, seq, prev) or _forged(entry, seal, key, sealed=sealed)
        if not fault and event.get("subject") != entry.chain:
            fault = f"tells of {event.get('subject')}, not of {entry.chain}"
        if not fault and head and head[0] == seq and head[1] != entry.hash:
            fault = "differs from the published head"
        if fault:
            return Broken(seq, fault)
        prev, sealed = entry.hash, sealed or bool(seal)
    if head and seq < head[0]:
        return Broken(seq + 1, f"the chain ends at {seq}, the published head is {head[0]}")
    if key and seq and not sealed and not (head and head[0] == seq):
        return Unsealed(1, f"neither it nor a later entry is sealed with the key {seal_id(key)}")
    return seq, prev


def _misplaced(entry: LedgerEntry, seq: int, prev: str) -> str:
    if entry.seq != seq:
        return f"entry {seq} is missing (found {entry.seq})"
    return "" if entry.prev == prev else "does not follow the entry before it"


def _forged(entry: LedgerEntry, seal: str, key: bytes, *, sealed: bool) -> str:
    """What is wrong with an entry by itself; `sealed`: one before it is."""
    if seal and seal != seal_id(key):
        return f"sealed with the key {seal}, and the key here is {seal_id(key) or 'none'}"
    if link_hash(entry.prev, entry.seq, entry.event, key if seal else b"") != entry.hash:
        return "content and hash differ"
    return "not sealed, and an entry before it is" if sealed and not seal else ""


def overall(heads: Mapping[str, tuple[int, str]]) -> str:
    """One hash over the heads (seq, hash) of all chains: publish it, and no chain can be cut, rewritten or dropped unseen."""
    lines = "".join(f"{chain}\n{seq}\n{head}\n" for chain, (seq, head) in sorted(heads.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
