"""The ledger's chains, one per environment: entries are added in the transaction of the change that they tell of."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

from adapters.store.engine import Database
from adapters.store.failures import StoreError
from adapters.store.schema import ledger
from lifecycle.environment import EnvironmentRef
from lifecycle.ledger import Draft, LedgerEntry, append, seal_id
from lifecycle.sensitive import mask

SOURCE = "baton"
PAGE = 500


class WrongSeal(StoreError):
    """A chain that is sealed with one key cannot be continued without it."""


def add(
    connection: Connection, ref: EnvironmentRef, drafts: Sequence[Draft], new_id: Callable[[], str], key: bytes = b""
) -> None:
    """Append to an environment's chain. The caller's fence keeps every other writer out until the transaction ends.

    Raises WrongSeal.
    """
    if not drafts:
        return
    head = head_to_follow(connection, ref, key)
    entries = []
    for draft in drafts:
        if draft.subject != str(ref):
            raise ValueError(f"a ledger entry about {draft.subject} under the lock of {ref}")
        masked = Draft(draft.type, draft.subject, draft.at, mask(draft.data))
        entry = append(masked, head=head, event_id=new_id(), source=SOURCE, key=key)
        head = (entry.seq, entry.hash)
        entries.append(
            {"chain": entry.chain, "seq": entry.seq, "event": entry.event, "prev": entry.prev, "hash": entry.hash}
        )
    connection.execute(ledger.insert(), entries)


def head_to_follow(connection: Connection, ref: EnvironmentRef, key: bytes) -> tuple[int, str] | None:
    """The head (seq, hash) of a chain, if this key may continue it. Raises WrongSeal: a plain entry after a sealed one breaks it."""
    row = connection.execute(
        _entries(connection.dialect).where(ledger.c.chain == str(ref)).order_by(ledger.c.seq.desc()).limit(1)
    ).one_or_none()
    if row is None:
        return None
    last = _entry(row)
    if last.seal and last.seal != seal_id(key):
        here = f"the key here is {seal_id(key)}" if key else "no key is set here"
        raise WrongSeal(
            f"the ledger of {ref} is sealed with the key {last.seal}, and {here}",
            hint="set BATON_LEDGER_KEY to the file that holds that key",
        )
    return last.seq, last.hash


def read(database: Database, chain: str) -> Iterator[LedgerEntry]:
    """A chain from its first entry, read page by page so that no transaction stays open meanwhile."""
    seq = 0
    while True:
        with database.read() as connection:
            page = [
                _entry(row)
                for row in connection.execute(
                    _entries(connection.dialect)
                    .where(ledger.c.chain == chain, ledger.c.seq > seq)
                    .order_by(ledger.c.seq)
                    .limit(PAGE)
                )
            ]
        yield from page
        if len(page) < PAGE:
            return
        seq = page[-1].seq


def chains(connection: Connection) -> Sequence[str]:
    """The names of all chains."""
    return sorted(connection.scalars(sa.select(ledger.c.chain).distinct()))


def heads(connection: Connection) -> dict[str, tuple[int, str]]:
    """The head (seq, hash) of every chain."""
    last = sa.select(ledger.c.chain, sa.func.max(ledger.c.seq).label("seq")).group_by(ledger.c.chain).subquery()
    found = connection.execute(
        sa.select(ledger.c.chain, ledger.c.seq, ledger.c.hash)
        .join(last, (ledger.c.chain == last.c.chain) & (ledger.c.seq == last.c.seq))
        .order_by(ledger.c.chain)
    )
    return {chain: (seq, digest) for chain, seq, digest in found}


def _entries(dialect: Dialect) -> sa.Select[Any]:
    """Selects entries; from SQLite as bytes, which damaged text is read from too: it must be named, not stumbled over."""
    if dialect.name != "sqlite":
        return sa.select(ledger)
    texts = [sa.cast(ledger.c[name], sa.LargeBinary).label(name) for name in ("event", "prev", "hash")]
    return sa.select(ledger.c.chain, ledger.c.seq, *texts)


def _entry(row: sa.Row[Any]) -> LedgerEntry:
    event, prev, digest = (
        text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
        for text in (row.event, row.prev, row.hash)
    )
    return LedgerEntry(row.chain, row.seq, event, prev, digest)
