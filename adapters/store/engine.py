"""A database by its URL: connections, transactions, and the database's clock."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url

from adapters.store.failures import Place, StoreError, explain

PATIENCE = timedelta(seconds=10)
"""How long a write waits for another process's transaction. Ours take milliseconds: longer than this, something hangs."""


class Database:
    """A transactional database. `read` and `write` give a connection inside one transaction and translate its errors."""

    def __init__(self, engine: Engine, place: Place) -> None:
        self._engine = engine
        self._writer = engine.execution_options(baton_write=True)
        self.place = place

    @property
    def shared(self) -> bool:
        """Whether other machines may have it open too: a server's database, not a file."""
        return self._engine.dialect.name != "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only looks."""
        with self._explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write: kept whole at the end of the block, dropped whole by an exception.

        An error of the commit itself never says that it may pass: whether the block was kept is not known then.
        """
        through = False
        try:
            with self._explained(), self._writer.begin() as connection:
                yield connection
                through = True
        except StoreError as error:
            if through:
                error.trouble = None
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            raise explain(error, self.place) from error

    def close(self) -> None:
        self._engine.dispose()


def now(connection: Connection) -> datetime:
    """The database's clock, at this moment (not at the transaction's start)."""
    if connection.dialect.name == "sqlite":
        text = connection.exec_driver_sql("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')").scalar_one()
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    instant: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return instant.astimezone(UTC)


def connect(url: str) -> Database:
    """A database by its URL. Nothing is opened yet, but for SQLite the file is made (0600, its directory 0700)."""
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise _not_a_store("the store's URL cannot be read") from error
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql" | "postgres":
            return _postgresql(parsed)
        case other:
            raise _not_a_store(f"a store of the kind '{other}' is not supported")


def _not_a_store(message: str) -> StoreError:
    return StoreError(
        message, hint="write it as sqlite:////absolute/path/baton.db or postgresql://user@host:5432/database"
    )


def _sqlite(url: URL) -> Database:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise _not_a_store("an SQLite store needs a file")
    path = Path(unquote(url.database))
    _private_file(path)
    engine = sa.create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"timeout": PATIENCE.total_seconds()}
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # the driver opens no transactions of its own: `begin` below does
        _write_ahead(connection)
        # FULL: a committed intent survives a power cut too, for one fsync a transaction.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that turns into a writer can find itself behind another one and fail at once, whatever
        # the time-out: writers queue at their start instead.
        writes = connection.get_execution_options().get("baton_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return Database(engine, Place(str(path)))


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on, once for a file. SQLite does not wait for others here, so we do.

    A file system that cannot have one (some network ones) keeps SQLite's rollback journal: slower, and as safe.
    """
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    until = time.monotonic() + PATIENCE.total_seconds()
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _private_file(path: Path) -> None:
    """Make the file 0600 before SQLite does it by the umask; what SQLite puts beside it takes the file's mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        status = path.stat()
        if status.st_mode & 0o077 and status.st_uid == os.geteuid():
            path.chmod(0o600)
    except OSError as error:
        raise StoreError(
            f"the store at {path} cannot be opened: {error.strerror}",
            hint="check that its directory exists and that this user may read and write in it",
        ) from error


def _postgresql(url: URL) -> Database:
    try:
        import psycopg  # noqa: F401  # optional, and slow to import where it is not used
    except ImportError as error:
        raise StoreError(
            "a PostgreSQL store needs the driver psycopg, which is not installed",
            hint="install it into Baton's environment: baton-lifecycle[postgres]",
        ) from error
    host = url.host or str(url.query.get("host", "") or "the local socket")
    place = Place(
        f"PostgreSQL database {url.database or url.username or '(default)'} on {host}", str(url.password or "")
    )
    arguments: dict[str, Any] = {"connect_timeout": int(PATIENCE.total_seconds()), "application_name": "baton"}
    if "options" not in url.query:
        milliseconds = int(PATIENCE.total_seconds() * 1000)
        # A client that vanished in the middle of a transaction must not hold an environment's row for good.
        arguments["options"] = f"-c lock_timeout={milliseconds} -c idle_in_transaction_session_timeout=60000"
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={k: v for k, v in arguments.items() if k not in url.query},
        pool_pre_ping=True,
    )
    return Database(engine, place)
