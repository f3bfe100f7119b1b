"""The ledger's chains, one per environment: entries are added in the transaction of the change that they tell of."""

from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from adapters.store import rows
from adapters.store.engine import Database
from adapters.store.schema import ledger
from lifecycle.environment import EnvironmentRef
from lifecycle.ledger import Draft, LedgerEntry, append
from lifecycle.sensitive import mask

SOURCE = "baton"
PAGE = 500


def add(connection: Connection, ref: EnvironmentRef, drafts: Sequence[Draft], new_id: Callable[[], str]) -> None:
    """Append to an environment's chain. The caller's fence keeps every other writer out until the transaction ends."""
    if not drafts:
        return
    head = _head(connection, str(ref))
    entries = []
    for draft in drafts:
        if draft.subject != str(ref):
            raise ValueError(f"a ledger entry about {draft.subject} under the lock of {ref}")
        masked = Draft(draft.type, draft.subject, draft.at, mask(draft.data))
        entry = append(masked, head=head, event_id=new_id(), source=SOURCE)
        head = (entry.seq, entry.hash)
        entries.append(
            {"chain": entry.chain, "seq": entry.seq, "event": entry.event, "prev": entry.prev, "hash": entry.hash}
        )
    connection.execute(ledger.insert(), entries)


def read(database: Database, ref: EnvironmentRef) -> Iterator[LedgerEntry]:
    """A chain from its first entry, read page by page so that no transaction stays open meanwhile."""
    seq = 0
    while True:
        with database.read() as connection:
            page = [
                rows.entry(row)
                for row in connection.execute(
                    sa.select(ledger)
                    .where(ledger.c.chain == str(ref), ledger.c.seq > seq)
                    .order_by(ledger.c.seq)
                    .limit(PAGE)
                )
            ]
        yield from page
        if len(page) < PAGE:
            return
        seq = page[-1].seq


def heads(connection: Connection) -> dict[str, tuple[int, str]]:
    """The head (seq, hash) of every chain."""
    last = sa.select(ledger.c.chain, sa.func.max(ledger.c.seq).label("seq")).group_by(ledger.c.chain).subquery()
    found = connection.execute(
        sa.select(ledger.c.chain, ledger.c.seq, ledger.c.hash)
        .join(last, (ledger.c.chain == last.c.chain) & (ledger.c.seq == last.c.seq))
        .order_by(ledger.c.chain)
    )
    return {chain: (seq, digest) for chain, seq, digest in found}


def _head(connection: Connection, chain: str) -> tuple[int, str] | None:
    row = connection.execute(
        sa.select(ledger.c.seq, ledger.c.hash).where(ledger.c.chain == chain).order_by(ledger.c.seq.desc()).limit(1)
    ).one_or_none()
    return (row.seq, row.hash) if row else None
