"""The journal's records: written before a step acts, completed after it, read as the latest of every subject."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from adapters.store import rows
from adapters.store.schema import journal
from lifecycle.environment import EnvironmentRef
from lifecycle.journal import Kind, Record


def intend(connection: Connection, ref: EnvironmentRef, records: Sequence[Record]) -> None:
    """Add intents, which have no outcome yet."""
    if any(record.status is not None for record in records):
        raise ValueError("an intent has no outcome")
    _add(connection, ref, records)


def conclude(connection: Connection, ref: EnvironmentRef, records: Sequence[Record]) -> None:
    """Write each outcome into the newest open intent of its subject and run; add it where there is none.

    The intent keeps its place and its time; everything else is the outcome's.
    """
    if any(record.status is None or record.finished_at is None for record in records):
        raise ValueError("an outcome has a status and an end")
    intents = _open(connection, ref, {record.run for record in records})
    unannounced = []
    completed = []
    for record in records:
        open_ones = intents.get((record.kind, record.subject, record.run))
        if open_ones:
            completed.append((open_ones.pop(), record))
        else:
            unannounced.append(record)
    _complete(connection, ref, completed)
    _add(connection, ref, unannounced)


def latest(connection: Connection, ref: EnvironmentRef) -> Sequence[Record]:
    """The newest record of every (kind, subject), in the order of their writing."""
    newest = (
        sa.select(sa.func.max(journal.c.id))
        .where(journal.c.environment == str(ref))
        .group_by(journal.c.kind, journal.c.subject)
    )
    found = connection.execute(sa.select(journal).where(journal.c.id.in_(newest)).order_by(journal.c.id))
    return [rows.record(row) for row in found]


def of_run(connection: Connection, ref: EnvironmentRef, run: int) -> Sequence[Record]:
    """Every record of one run, in the order of their writing."""
    found = connection.execute(
        sa.select(journal).where(journal.c.environment == str(ref), journal.c.run == run).order_by(journal.c.id)
    )
    return [rows.record(row) for row in found]


def runs(connection: Connection, ref: EnvironmentRef) -> Sequence[int]:
    """The numbers of the runs that left records, ascending."""
    return list(
        connection.scalars(
            sa.select(journal.c.run).where(journal.c.environment == str(ref)).distinct().order_by(journal.c.run)
        )
    )


def forget(connection: Connection, ref: EnvironmentRef) -> None:
    connection.execute(journal.delete().where(journal.c.environment == str(ref)))


def _add(connection: Connection, ref: EnvironmentRef, records: Sequence[Record]) -> None:
    if records:
        connection.execute(journal.insert(), [rows.record_row(ref, record) for record in records])


def _complete(connection: Connection, ref: EnvironmentRef, records: Sequence[tuple[int, Record]]) -> None:
    if not records:
        return
    kept = ("input_digest", "finished_at", "status", "message", "detail")
    values = [
        {"row_id": identity} | {f"new_{name}": rows.record_row(ref, record)[name] for name in kept}
        for identity, record in records
    ]
    statement = journal.update().where(journal.c.id == sa.bindparam("row_id"))
    connection.execute(statement.values({name: sa.bindparam(f"new_{name}") for name in kept}), values)


def _open(connection: Connection, ref: EnvironmentRef, runs: set[int]) -> dict[tuple[Kind, str, int], list[int]]:
    """The intents without outcome of some runs, by (kind, subject, run): their ids, the newest last."""
    found = connection.execute(
        sa.select(journal.c.kind, journal.c.subject, journal.c.run, journal.c.id)
        .where(journal.c.environment == str(ref), journal.c.run.in_(runs), journal.c.status.is_(None))
        .order_by(journal.c.id)
    )
    intents: dict[tuple[Kind, str, int], list[int]] = {}
    for kind, subject, run, identity in found:
        intents.setdefault((Kind(kind), subject, run), []).append(identity)
    return intents
