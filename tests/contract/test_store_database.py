"""What only a store with a database promises: an append-only ledger, migrations, and errors in plain words."""

import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from adapters.store import engine, migrate, schema
from adapters.store.failures import NewerSchemaError, StoreError
from adapters.store.store import SqlStore, open_store
from lifecycle.ledger import Broken, verify
from tests.support import postgresql
from tests.support.stores import (
    ANNA,
    BERT,
    MINUTE,
    OVER,
    SHOP,
    World,
    a_draft,
    an_environment,
    an_intent,
    an_outcome,
    in_postgresql,
    in_sqlite,
)


@dataclass
class Sql:
    """A store with something in it, and its database as its owner may open it."""

    store: SqlStore
    world: World
    engine: sa.Engine


@pytest.fixture(params=["sqlite", "postgresql"])
def sql(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sql]:
    if request.param == "sqlite":
        world = in_sqlite(tmp_path)
    else:
        world = in_postgresql(request.getfixturevalue("postgresql_server"), tmp_path)
    store = world.open()
    assert isinstance(store, SqlStore)
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.start_run(lock, an_environment(), [a_draft(n=n) for n in range(3)])
    bare = sa.create_engine(store._database._engine.url)
    yield Sql(store, world, bare)
    bare.dispose()
    world.close()


COPY = "SELECT chain, 2, event, prev, hash FROM baton_ledger WHERE seq = 1"
FORGERIES = [
    "UPDATE baton_ledger SET event = '{}' WHERE seq = 2",
    "DELETE FROM baton_ledger WHERE seq = 3",
    "DELETE FROM baton_ledger",
    f"INSERT INTO baton_ledger {COPY} ON CONFLICT (chain, seq) DO UPDATE SET event = '{{}}'",
]
OWN_FORGERIES = {
    "sqlite": [f"INSERT OR REPLACE INTO baton_ledger {COPY}", f"REPLACE INTO baton_ledger {COPY}"],
    "postgresql": ["TRUNCATE baton_ledger", "TRUNCATE baton_environments, baton_ledger CASCADE"],
}


def test_a_ledger_entry_can_be_neither_changed_nor_removed(sql: Sql) -> None:
    before = list(sql.store.ledger(SHOP))
    for statement in FORGERIES + OWN_FORGERIES[sql.engine.dialect.name]:
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), sql.engine.begin() as connection:
            connection.exec_driver_sql(statement)
        assert list(sql.store.ledger(SHOP)) == before, statement


def test_a_forger_who_removes_the_guard_is_found_out(sql: Sql) -> None:
    with sql.engine.begin() as connection:
        if sql.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER baton_ledger_no_update")
        else:
            connection.exec_driver_sql("ALTER TABLE baton_ledger DISABLE TRIGGER ALL")
        connection.exec_driver_sql("UPDATE baton_ledger SET event = replace(event, '\"n\":1', '\"n\":7') WHERE seq = 2")
    assert verify(sql.store.ledger(SHOP)) == Broken(2, "content and hash differ")


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(sql: Sql) -> None:
    with sql.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, schema.metadata) == []


def test_the_code_knows_every_migration_and_their_order() -> None:
    scripts = ScriptDirectory(str(migrate.SCRIPTS))
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == schema.REVISIONS
    assert scripts.get_current_head() == schema.HEAD


def test_a_store_of_a_newer_baton_is_left_alone(sql: Sql) -> None:
    with sql.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(NewerSchemaError, match="written by a newer Baton: its schema is 9999") as error:
        sql.world.open()
    assert "upgrade Baton" in error.value.hint


def test_a_store_shares_a_database_with_others_who_use_the_same_migration_tool(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "baton.db") as foreign:
        foreign.execute("CREATE TABLE alembic_version (version_num TEXT)")
        foreign.execute("INSERT INTO alembic_version VALUES ('of somebody else')")
    foreign.close()
    world = in_sqlite(tmp_path)
    assert world.open().environments() == []
    world.close()


def test_an_up_to_date_store_is_opened_without_the_migration_tool(sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "alembic"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert sql.world.open().environment(SHOP) is not None


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sqlite3.connect(tmp_path / "baton.db") as foreign:
        foreign.execute("CREATE TABLE baton_ledger (mine TEXT)")
    foreign.close()
    with pytest.raises(StoreError):
        in_sqlite(tmp_path).open()
    left = sqlite3.connect(tmp_path / "baton.db")
    tables = {name for (name,) in left.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    left.close()
    assert tables == {"baton_ledger"}


def test_many_may_open_a_new_database_at_once(postgresql_server: Path, tmp_path: Path) -> None:
    world = in_postgresql(postgresql_server, tmp_path, template="template0")
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: world.open(), range(4)))
    assert {store.acquire(SHOP, ANNA, lease=OVER).token for store in stores} == {1, 2, 3, 4}
    world.close()


# Errors


def test_a_store_that_another_process_writes_to_for_too_long_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PATIENCE", timedelta(milliseconds=50))
    world = in_sqlite(tmp_path)
    store = world.open()
    other = sqlite3.connect(tmp_path / "baton.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store.environments() == []  # who only looks does not wait
    with pytest.raises(StoreError, match=r"baton.db is busy") as error:
        store.acquire(SHOP, ANNA, lease=MINUTE)
    other.close()
    assert "try again" in error.value.hint
    assert store.acquire(SHOP, ANNA, lease=MINUTE).token == 1
    world.close()


def test_a_writer_that_holds_an_environments_row_for_too_long_is_named_busy(
    postgresql_server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PATIENCE", timedelta(seconds=1))
    world = in_postgresql(postgresql_server, tmp_path)
    store = world.open()
    assert isinstance(store, SqlStore)
    store.acquire(SHOP, ANNA, lease=MINUTE)
    with store._database.write() as connection:
        connection.exec_driver_sql("SELECT * FROM baton_locks FOR UPDATE")
        with pytest.raises(StoreError, match="is busy"):
            world.open().acquire(SHOP, BERT, lease=MINUTE)
    world.close()


def test_a_full_disk_is_named_and_the_store_stays_good(tmp_path: Path) -> None:
    world = in_sqlite(tmp_path)
    store = world.open()
    assert isinstance(store, SqlStore)
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.transition(lock, an_environment(), [a_draft()])

    @sa.event.listens_for(store._database._engine, "begin")
    def fill(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite makes of it: no page more than there are

    with pytest.raises(StoreError, match=r"cannot grow: the disk is full"):
        store.transition(lock, an_environment(message="lost"), [a_draft(data="x" * 100_000)])
    world.close()
    kept = world.open()
    assert len(list(kept.ledger(SHOP))) == 1
    assert kept.environment(SHOP) == an_environment()
    world.close()


@pytest.mark.parametrize(
    "content", [b"this is no database, and long enough to see that it is not one" * 20, None], ids=["foreign", "torn"]
)
def test_a_damaged_store_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "baton.db"
    if content is None:
        world = in_sqlite(tmp_path)
        world.open().acquire(SHOP, ANNA, lease=MINUTE)
        world.close()
        whole = path.read_bytes()
        content = whole[:4096] + b"\xa5" * (len(whole) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"baton.db is damaged") as error:
        in_sqlite(tmp_path).open().environments()
    assert "backup" in error.value.hint


def test_a_store_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    world = in_sqlite(tmp_path)
    store = world.open()
    assert isinstance(store, SqlStore)

    @sa.event.listens_for(store._database._engine, "begin")
    def read_only(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")

    with pytest.raises(StoreError, match="is read-only"):
        store.acquire(SHOP, ANNA, lease=MINUTE)
    world.close()


def test_a_server_that_does_not_answer_is_named_without_the_password(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody answers, and nobody else gets the port
        port = taken.getsockname()[1]
        url = f"postgresql://anna:hunter2@127.0.0.1:{port}/baton"
        with pytest.raises(StoreError, match=r"PostgreSQL database baton on 127\.0\.0\.1 cannot be reached") as error:
            open_store(url, key_path=tmp_path / "key")
    said = [str(error.value), error.value.hint, repr(error.value), repr(dict(error.value.facts))]
    assert not any("hunter2" in text for text in said)


def test_a_database_that_does_not_exist_is_named(postgresql_server: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"database nowhere on .* does not exist") as error:
        open_store(postgresql.url(postgresql_server, "nowhere"), key_path=tmp_path / "key")
    assert "createdb" in error.value.hint


def test_a_connection_that_the_server_ended_is_made_anew(postgresql_server: Path, tmp_path: Path) -> None:
    world = in_postgresql(postgresql_server, tmp_path)
    store = world.open()
    assert isinstance(store, SqlStore)
    bare = sa.create_engine(store._database._engine.url)
    with bare.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    bare.dispose()
    assert store.acquire(SHOP, ANNA, lease=MINUTE).token == 1
    world.close()


def test_a_write_that_was_cut_off_is_not_kept(sql: Sql) -> None:
    """The transaction is whole: the failure of its last statement takes the first with it."""
    lock = sql.store.holder(SHOP)
    assert lock
    ids: Callable[[], str] = iter(()).__next__
    broken = SqlStore(sql.store._database, key_path=Path("unused"), gone=lambda _: False, ids=ids)
    with pytest.raises(StopIteration):
        broken.conclude(lock, [an_outcome()], [a_draft()])
    assert sql.store.records(SHOP, 1) == []
    sql.store.intend(lock, [an_intent()])
    assert len(sql.store.records(SHOP, 1)) == 1
