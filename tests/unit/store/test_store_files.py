"""What a store puts on a disk, and for whom."""

import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.settings import sqlite_url
from adapters.store import key
from adapters.store.engine import _write_ahead, connect
from adapters.store.failures import StoreError
from adapters.store.store import open_store
from tests.support.stores import ANNA, MINUTE, SHOP


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_the_store_and_its_key_are_for_their_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "baton"
    with open_store(sqlite_url(directory / "baton.db"), key_path=directory / "key") as store:
        store.acquire(SHOP, ANNA, lease=MINUTE)
        assert store.key
        assert mode(directory) == 0o700
        modes = {path.name: mode(path) for path in directory.iterdir()}
    assert modes == dict.fromkeys(["baton.db", "baton.db-wal", "baton.db-shm", "key"], 0o600)


def test_a_store_that_became_readable_by_others_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "baton.db"
    open_store(sqlite_url(path), key_path=tmp_path / "key").close()
    path.chmod(0o644)
    open_store(sqlite_url(path), key_path=tmp_path / "key").close()
    assert mode(path) == 0o600


@pytest.mark.parametrize("name", ["a b", "100%", "%41", "ü?x=1", "a#b", "a:b@c"])
def test_a_store_may_be_anywhere(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "baton.db"
    with open_store(sqlite_url(path), key_path=tmp_path / "key") as store:
        store.acquire(SHOP, ANNA, lease=MINUTE)
        assert store.place == str(path)
    assert path.exists()


def test_a_place_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/baton.db cannot be opened"):
        open_store(sqlite_url(tmp_path / "file" / "baton.db"), key_path=tmp_path / "key")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://u:hunter2@h/d", "nonsense hunter2", ""])
def test_what_is_no_store_is_refused_with_what_was_expected(url: str) -> None:
    with pytest.raises(StoreError) as error:
        connect(url)
    assert "sqlite:////absolute/path" in error.value.hint
    assert "hunter2" not in f"{error.value} {error.value.hint}"


def test_postgresql_without_its_driver_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match="psycopg") as error:
        open_store("postgresql://anna:hunter2@db.example/baton", key_path=tmp_path / "key")
    assert "baton-lifecycle[postgres]" in error.value.hint


def test_where_there_can_be_no_write_ahead_log_the_store_does_without() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        _write_ahead(connection)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("memory",)


# The key


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    made = key.load_or_make(path)
    assert len(made) == 32
    assert key.load_or_make(path) == made
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert list(path.parent.iterdir()) == [path]
    assert key.load_or_make(tmp_path / "other") != made


def test_who_makes_the_key_a_moment_later_takes_the_one_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "key"
    first = key.load_or_make(path)
    key._make(path)  # as a process does that looked before the other's key was there
    assert key.load_or_make(path) == first
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key.load_or_make(path)
    path.chmod(0o640)
    with pytest.raises(StoreError, match="open to other users") as error:
        key.load_or_make(path)
    assert f"chmod 600 {path}" in error.value.hint


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_key_is_refused_and_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StoreError, match=f"it has {len(content)} bytes instead of 32"):
        key.load_or_make(path)
    assert path.read_bytes() == content


def test_a_key_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be read"):
        key.load_or_make(tmp_path / "file" / "key")
