"""A run that was paused for longer than its lease, and overtaken: real processes on one store, SQLite and PostgreSQL.

When it wakes it writes nothing, starts no tool and ends the one that runs, and says who has the environment now.
"""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.process.owner import current_owner, gone
from adapters.settings import sqlite_url
from adapters.store.store import SqlStore, open_store
from lifecycle.lock import Lock, Locked
from tests.support.stores import MINUTE, SHOP, everything, new_postgresql_url

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0  # seconds for what takes one or two


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "baton.db")
    return new_postgresql_url(request.getfixturevalue("postgresql_server"))


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(url, key_path=tmp_path / "key", gone=gone) as store:
        yield store


@pytest.fixture
def holder(url: str, tmp_path: Path) -> Iterator[Callable[[float], "subprocess.Popen[str]"]]:
    """Starts a run with a heartbeat of so many seconds; it and its tool end with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(heartbeat: float) -> "subprocess.Popen[str]":
        words = [sys.executable, "-m", "tests.support.holder", url, str(tmp_path), str(heartbeat)]
        process = subprocess.Popen(
            words, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def taken_over(store: SqlStore) -> Lock:
    """Our lock, as soon as the paused run's lease is over."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return store.acquire(SHOP, current_owner(), lease=MINUTE)
        except Locked:
            assert time.monotonic() < end, "a lease of a second never ended"
            time.sleep(0.05)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def pause(process: "subprocess.Popen[str]", folder: Path) -> None:
    """Stop it, but not while it writes to SQLite: nobody could write then until it goes on."""
    for _ in range(100):
        process.send_signal(signal.SIGSTOP)
        if not (folder / "baton.db").exists():
            return
        looking = sqlite3.connect(folder / "baton.db", timeout=0.2, isolation_level=None)
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(looking):
            looking.execute("BEGIN IMMEDIATE")
            looking.execute("ROLLBACK")
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
    raise AssertionError("it always wrote")


def overtaken(process: "subprocess.Popen[str]", store: SqlStore, folder: Path) -> tuple[object, ...]:
    """Pause it, take over, let it go on; what is in the store at that moment."""
    pause(process, folder)
    taken_over(store)
    before = everything(store)
    process.send_signal(signal.SIGCONT)
    return before


def told(process: "subprocess.Popen[str]") -> str:
    out, _ = process.communicate(timeout=PATIENCE)
    return out


def test_it_ends_its_running_tool_writes_nothing_and_says_who_has_taken_over(
    holder: Callable[[float], "subprocess.Popen[str]"], store: SqlStore, tmp_path: Path
) -> None:
    process = holder(0.3)
    (tmp_path / "go").touch()
    until((tmp_path / "tool").exists)
    tool = int((tmp_path / "tool").read_text())
    before = overtaken(process, store, tmp_path)
    woken = time.monotonic()
    out = told(process)
    assert time.monotonic() - woken < 10
    assert process.returncode == 5
    assert not lives(tool)  # although it takes no interrupt
    assert f"the lock on shop/dev was lost: {current_owner()} took over at" in out
    assert "nothing more was written" in out
    assert everything(store) == before


def test_it_starts_no_tool_also_when_no_heartbeat_has_told_it_yet(
    holder: Callable[[float], "subprocess.Popen[str]"], store: SqlStore, tmp_path: Path
) -> None:
    process = holder(600)  # no heartbeat in this test: asking before the tool has to do
    until((tmp_path / "asked").exists)
    before = overtaken(process, store, tmp_path)
    (tmp_path / "go").touch()
    out = told(process)
    assert process.returncode == 5
    assert not (tmp_path / "tool").exists()
    assert "the lock on shop/dev was lost" in out
    assert everything(store) == before


def test_a_run_that_was_paused_and_that_nobody_overtook_goes_on(
    holder: Callable[[float], "subprocess.Popen[str]"], store: SqlStore, tmp_path: Path
) -> None:
    process = holder(0.3)
    (tmp_path / "go").touch()
    until((tmp_path / "tool").exists)
    pause(process, tmp_path)
    until(lambda: store.holder(SHOP) is None)
    process.send_signal(signal.SIGCONT)
    until(lambda: store.holder(SHOP) is not None)
    assert lives(int((tmp_path / "tool").read_text()))
