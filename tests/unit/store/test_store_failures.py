"""What a database says when it refuses, as recorded, and what Baton makes of it."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from adapters.settings import sqlite_url
from adapters.store.engine import connect
from adapters.store.failures import Place, StoreError, explain
from lifecycle.errors import Trouble

PLACE = Place("PostgreSQL database baton on db.example", "hunter2")


class Said(Exception):
    """A driver's error."""

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


RECORDED = [
    ("database is locked", None, "is busy"),
    ("database table is locked: baton_locks", None, "is busy"),
    ("canceling statement due to lock timeout", "55P03", "is busy"),
    ("deadlock detected", "40P01", "is busy"),
    ("attempt to write a readonly database", None, "is read-only"),
    ("cannot execute INSERT in a read-only transaction", "25006", "is read-only"),
    ("database or disk is full", None, "the disk is full"),
    ('could not extend file "base/16384/16390": No space left on device', "53100", "the disk is full"),
    ("database disk image is malformed", None, "is damaged"),
    ("file is not a database", None, "is damaged"),
    ("disk I/O error", None, "the disk reports an error"),
    ("unable to open database file", None, "cannot be opened"),
    ("the ledger is append-only", None, "is append-only"),
    (
        'connection failed: connection to server at "10.0.0.1", port 5432 failed: FATAL:  password authentication failed '
        'for user "anna"',
        None,
        "refuses the login",
    ),
    ('connection failed: ... FATAL:  database "nowhere" does not exist', None, "does not exist"),
    ("permission denied for schema public", "42501", "lacks a right"),
    (
        'connection failed: connection to server at "127.0.0.1", port 1 failed: Connection refused',
        None,
        "cannot be reached",
    ),
    ("connection timeout expired", None, "cannot be reached"),
    ("terminating connection due to administrator command", "57P01", "cannot be reached"),
    ("consuming input failed: server closed the connection unexpectedly", None, "cannot be reached"),
    ("failed to resolve host 'db.example': [Errno -2] Name or service not known", None, "cannot be reached"),
]


@pytest.mark.parametrize(("said", "sqlstate", "expected"), RECORDED, ids=[said[:40] for said, _, _ in RECORDED])
def test_a_recorded_failure_becomes_what_where_and_what_next(said: str, sqlstate: str | None, expected: str) -> None:
    error = explain(sa.exc.OperationalError("SELECT 1", {}, Said(said, sqlstate)), PLACE)
    assert expected in error.message
    assert "baton on db.example" in error.message
    assert error.hint
    assert error.facts["said"].startswith(said[:20])


def test_what_is_not_known_is_quoted_on_one_line_without_the_password_and_the_statement() -> None:
    error = explain(sa.exc.DatabaseError("SELECT secret", {"x": 1}, Said("odd\n  thing with hunter2")), PLACE)
    assert error.message == "the store at PostgreSQL database baton on db.example refused: odd thing with ***"
    assert "report" in error.hint


def test_a_pool_that_ran_out_is_busy() -> None:
    assert "every connection of this process" in explain(sa.exc.TimeoutError("QueuePool limit"), PLACE).message


@pytest.mark.parametrize(("said", "sqlstate", "expected"), RECORDED, ids=[said[:40] for said, _, _ in RECORDED])
def test_only_what_is_busy_or_away_may_pass(said: str, sqlstate: str | None, expected: str) -> None:
    error = explain(sa.exc.OperationalError("SELECT 1", {}, Said(said, sqlstate)), PLACE)
    assert error.trouble is {"is busy": Trouble.IN_USE, "cannot be reached": Trouble.UNREACHABLE}.get(expected)


def test_a_commit_that_fails_never_says_that_it_may_pass(tmp_path: Path) -> None:
    """Nobody knows then whether it was kept: done again, an entry of the ledger would be there twice."""
    database = connect(sqlite_url(tmp_path / "baton.db"))
    busy = sa.exc.OperationalError("COMMIT", {}, Said("database is locked"))

    @sa.event.listens_for(database._engine, "commit")
    def lost(_: object) -> None:
        raise busy

    with pytest.raises(StoreError, match="is busy") as at_commit, database.write():
        pass
    assert at_commit.value.trouble is None
    with pytest.raises(StoreError, match="is busy") as before, database.write():
        raise busy
    assert before.value.trouble is Trouble.IN_USE
    database.close()
