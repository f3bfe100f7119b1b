"""A real store that another process locks, or that is gone, for ten seconds in the middle of a run: the run waits and ends well."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.fake.driving import ports_for, shop, world_of_shop
from adapters.process.owner import current_owner
from adapters.settings import sqlite_url
from adapters.store.store import SqlStore, open_store
from lifecycle.environment import Environment, Phase
from lifecycle.events import Event, saying
from lifecycle.holding import holding
from lifecycle.journal import Kind, Outcome, Step
from lifecycle.perform import perform
from lifecycle.ports import Cancellation
from tests.support import postgresql

SECONDS = 11
"""A little longer than SQLite itself waits for who is before it."""
LOCKER = """
import sqlite3, sys, time
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
"""


def outlived(store: SqlStore, away: Callable[[], None]) -> list[Event]:
    """Everything that a run says during whose first apply the store goes away. It must end well, under one lock."""
    events: list[Event] = []
    desired, cancel = shop(), Cancellation()
    world = world_of_shop()
    ports = replace(ports_for(world), store=store, sink=events.append)
    begun = threading.Event()

    def run_step(step: Step, act: Callable[[], Outcome]) -> Outcome:
        if step.kind is Kind.APPLY and not begun.is_set():
            begun.set()
            away()
        return act()

    now = ports.clock.now()
    with holding(store, desired.ref, current_owner(), cancel, say=saying(events.append, ports.clock.now)) as lock:
        new = Environment(desired.ref, Phase.NEW, now, now)
        ended = perform(desired, ports, run_step, lock=lock, environment=new, cancel=cancel)
        assert ended.environment.phase is Phase.READY
        assert store.environment(desired.ref) == ended.environment
    assert not cancel.requested
    entries = [e.decoded for e in store.ledger(desired.ref)]
    steps = [e["data"]["step"] for e in entries if e["type"] == "baton.step.finished"]
    assert len(steps) == len(set(steps))
    return [e for e in events if e.type == "step.retried"]


def test_a_store_that_another_process_holds_for_eleven_seconds(tmp_path: Path) -> None:
    path = tmp_path / "baton.db"
    argv = [sys.executable, "-c", LOCKER, str(path), str(SECONDS)]
    lockers: list[subprocess.Popen[str]] = []

    def lock() -> None:
        lockers.append(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
        assert lockers[0].stdout is not None
        assert lockers[0].stdout.readline() == "locked\n"

    with open_store(sqlite_url(path), key_path=tmp_path / "key") as store:
        retried = outlived(store, lock)
    lockers[0].communicate(timeout=30)
    assert "is busy: another process has been writing to it for too long; tried again in 0.5 s" in retried[0].message


def test_a_database_server_that_is_gone_for_ten_seconds(tmp_path: Path) -> None:
    with _server() as home:
        socket = home / ".s.PGSQL.5432"
        away = home / "away" / socket.name
        away.parent.mkdir()

        def gone() -> None:
            socket.rename(away)  # before the connections end: a heartbeat between the two would open one that lives on
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'baton'"
            psql = str(postgresql.binaries() / "psql")
            argv = [psql, "-q", "-h", str(away.parent), "-U", postgresql.USER, "-d", "postgres", "-c", ended]
            subprocess.run(argv, check=True, capture_output=True, timeout=30)
            threading.Thread(target=_back, args=(away, socket), daemon=True).start()

        with open_store(postgresql.url(home, "postgres"), key_path=tmp_path / "key") as store:
            retried = outlived(store, gone)
    assert len(retried) > 2
    assert "cannot be reached" in retried[0].message


@contextmanager
def _server() -> Iterator[Path]:
    try:
        postgresql.binaries()
    except postgresql.Unavailable as error:
        pytest.skip(str(error))
    with postgresql.server() as home:
        yield home


def _back(away: Path, socket: Path) -> None:
    time.sleep(10)
    away.rename(socket)
