"""The environment lock: one row per environment, whose token only grows and fences every write.

A lock is good for writing as long as its token is the newest and it was not released, even after its lease ran out:
an expired lease only allows somebody else to take over, and taking over raises the token in one transaction. So a
holder that was asleep for an hour carries on if nobody came, and writes nothing if somebody did.
"""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from adapters.store import rows
from adapters.store.engine import now
from adapters.store.schema import locks
from lifecycle.environment import EnvironmentRef
from lifecycle.lock import Lock, Owner, lost

_FIRST = sa.text(
    "INSERT INTO baton_locks (environment, token, held, owner_user, machine, boot_id, pid, started, flow_run) "
    "VALUES (:environment, 0, false, '', '', '', 0, 0, '') ON CONFLICT DO NOTHING"
)


def take(
    connection: Connection, ref: EnvironmentRef, owner: Owner, lease: timedelta, *, gone: int | None = None
) -> Lock | None:
    """The lock under a new token, or None while somebody holds it. `gone` is the token of an owner proven dead."""
    row = _row(connection, ref)
    if row is None:
        connection.execute(_FIRST, {"environment": str(ref)})
        row = _row(connection, ref)
        assert row is not None
    instant = now(connection)  # after the row is ours: waiting for it took time
    if row.held and row.expires_at > instant and row.token != gone:
        return None
    before = rows.lock(row).owner if row.held else None
    lock = Lock(ref, owner, row.token + 1, instant, instant + lease, taken_from=before)
    values = {"token": lock.token, "held": True, "acquired_at": instant, "expires_at": lock.expires_at}
    connection.execute(locks.update().where(locks.c.environment == str(ref)).values(**values, **rows.owner_row(owner)))
    return lock


def fence(connection: Connection, lock: Lock) -> None:
    """Let the rest of this transaction write, or raise LostLock. Holds back a takeover until the transaction ends."""
    _must_be_its(lock, _row(connection, lock.environment))


def check(connection: Connection, lock: Lock) -> None:
    """Raise LostLock like `fence`, and hold back nobody: what it says may be over the moment after."""
    _must_be_its(lock, connection.execute(_of(lock.environment)).one_or_none())


def _must_be_its(lock: Lock, row: Row[tuple[object, ...]] | None) -> None:
    if row is not None and row.held and row.token == lock.token:
        return
    raise lost(lock, rows.lock(row) if row is not None and row.held else None)


def renew(connection: Connection, lock: Lock, lease: timedelta) -> Lock:
    fence(connection, lock)
    expires_at = now(connection) + lease
    connection.execute(locks.update().where(locks.c.environment == str(lock.environment)).values(expires_at=expires_at))
    return Lock(lock.environment, lock.owner, lock.token, lock.acquired_at, expires_at)


def release(connection: Connection, lock: Lock) -> None:
    """Give it back. A lock that was lost or released before changes nothing."""
    connection.execute(
        locks.update()
        .where(locks.c.environment == str(lock.environment), locks.c.token == lock.token)
        .values(held=False)
    )


def current(connection: Connection, ref: EnvironmentRef) -> Lock:
    """The lock as its row says, whether it still holds or not. There must be one."""
    return rows.lock(connection.execute(_of(ref)).one())


def holder(connection: Connection, ref: EnvironmentRef) -> Lock | None:
    """The lock as somebody holds it now, by the database's clock."""
    row = connection.execute(_of(ref)).one_or_none()
    if row is None or not row.held or row.expires_at <= now(connection):
        return None
    return rows.lock(row)


def last(connection: Connection, ref: EnvironmentRef) -> tuple[Lock, bool] | None:
    """The last lock that was taken, and whether it still holds by the database's clock; None where none ever was."""
    row = connection.execute(_of(ref)).one_or_none()
    if row is None or row.acquired_at is None:
        return None
    return rows.lock(row), bool(row.held and row.expires_at > now(connection))


def _row(connection: Connection, ref: EnvironmentRef) -> Row[tuple[object, ...]] | None:
    """The lock's row, held by this transaction (SQLite: every writing transaction holds the whole database)."""
    return connection.execute(_of(ref).with_for_update()).one_or_none()


def _of(ref: EnvironmentRef) -> sa.Select[tuple[object, ...]]:
    return sa.select(locks).where(locks.c.environment == str(ref))
