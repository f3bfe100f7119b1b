"""Real processes on one store, on SQLite and on PostgreSQL: they write at once, open it at once, and are killed in the middle."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from adapters.process.owner import alive
from lifecycle.ledger import Broken, LedgerEntry, verify
from lifecycle.lock import LostLock
from tests.support.stores import (
    ANNA,
    BERT,
    MINUTE,
    SHOP,
    AnyStore,
    World,
    a_draft,
    an_environment,
    an_outcome,
    in_postgresql,
    in_sqlite,
)

WRITER = """
import sys
import threading
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from adapters.process.owner import alive, current_owner
from adapters.store.store import open_store
from lifecycle.lock import Locked
from tests.support.stores import MINUTE, SHOP, a_draft, an_intent, an_outcome

url, directory, name, count, how = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
me = replace(current_owner(), user=name)
lease = timedelta(seconds=5) if how == "hangs" else MINUTE  # who cannot prove a death here waits for the lease


def ids():
    if how == "hangs":  # the transaction is open, the first of two entries is made: here it is killed
        print("appending", flush=True)
        threading.Event().wait()
    return str(uuid.uuid4())


store = open_store(url, key_path=directory / "key", gone=lambda owner: alive(owner) is False, ids=ids)


def lock():
    while True:
        try:
            return store.acquire(SHOP, me, lease=lease)
        except Locked:
            continue


print("ready", flush=True)
sys.stdin.readline()
held = store.holder(SHOP) if how == "shared" else None
for n in range(count):
    mine = held or lock()
    store.intend(mine, [an_intent(f"{name}-{n}")])
    outcome = replace(an_outcome(), subject=f"{name}-{n}")
    entry = dict(writer=name, n=n, token=mine.token)
    store.conclude(mine, [outcome], [a_draft(**entry), a_draft(**entry, second=True)])
    print(n, flush=True)
    if how != "shared":
        store.release(mine)
print(store.key.hex(), flush=True)
"""

ROOT = Path(__file__).parents[2]
TOGETHER = 60  # changes of each of two writers


Start = Callable[[Sequence[str], int, str], list["subprocess.Popen[str]"]]


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A store that nobody has opened yet: its tables are not there."""
    if request.param == "sqlite":
        world = in_sqlite(tmp_path)
    else:
        world = in_postgresql(request.getfixturevalue("postgresql_server"), tmp_path, template="template0")
    yield world
    world.close()


@pytest.fixture
def start(world: World, tmp_path: Path) -> Iterator[Start]:
    """Starts writers on the store, together, once each has opened it. None of them outlives the test."""
    command = [sys.executable, "-c", WRITER, world.url, str(tmp_path)]
    started: list[subprocess.Popen[str]] = []

    def start(names: Sequence[str], count: int, how: str) -> list["subprocess.Popen[str]"]:
        processes = [
            subprocess.Popen(
                [*command, name, str(count), how],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in names
        ]
        started.extend(processes)
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        return processes

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _said(entries: Sequence[LedgerEntry], name: str) -> list[object]:
    return [entry.decoded["data"].get(name) for entry in entries]


def _end_well(processes: Sequence["subprocess.Popen[str]"]) -> set[str]:
    """The key that each of them found or made."""
    keys = {process.communicate(timeout=120)[0].splitlines()[-1] for process in processes}
    assert {process.returncode for process in processes} == {0}
    return keys


def _holds_all(store: AnyStore, entries: Sequence[LedgerEntry]) -> None:
    assert verify(entries) == (4 * TOGETHER, entries[-1].hash)
    written = list(zip(_said(entries, "writer"), _said(entries, "n"), _said(entries, "second"), strict=True))
    assert len(set(written)) == 4 * TOGETHER
    for name in ("one", "two"):
        assert [n for writer, n, second in written if writer == name and second] == list(range(TOGETHER))
    assert len(store.journal(SHOP).records) == 2 * TOGETHER
    assert store.journal(SHOP).unknown == ()


def test_two_processes_that_write_at_once_under_one_lock_lose_nothing(world: World, start: Start) -> None:
    world.open().acquire(SHOP, ANNA, lease=MINUTE)
    keys = _end_well(start(["one", "two"], TOGETHER, "shared"))
    store = world.open()
    _holds_all(store, list(store.ledger(SHOP)))
    assert keys == {store.key.hex()}


def test_two_processes_that_contend_for_one_lock_never_write_in_each_others_turn(world: World, start: Start) -> None:
    """They take it from each other for every change. Both make the store and its key."""
    keys = _end_well(start(["one", "two"], TOGETHER, "in turns"))
    store = world.open()
    entries = list(store.ledger(SHOP))
    _holds_all(store, entries)
    assert keys == {store.key.hex()}
    tokens = _said(entries, "token")
    assert tokens == [token for token in range(1, 2 * TOGETHER + 1) for _ in range(2)]
    assert len(set(zip(tokens, _said(entries, "writer"), strict=True))) == 2 * TOGETHER  # one writer per token


def test_many_processes_may_make_one_store_at_once(world: World, start: Start) -> None:
    _end_well(start([f"p{n}" for n in range(5)], 1, "in turns"))
    assert verify(world.open().ledger(SHOP))[0] == 10  # type: ignore[index]


def test_a_holder_that_is_killed_inside_an_append_leaves_nothing_of_it_and_the_next_goes_on(
    world: World, start: Start
) -> None:
    """The next one waits meanwhile: for the database first, then for the lock, which the dead do not hold."""
    store = world.open()
    first = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.transition(first, an_environment(), [a_draft(n=n) for n in range(3)])
    store.release(first)
    (victim,) = start(["victim"], 1, "hangs")
    assert victim.stdout
    assert victim.stdout.readline() == "appending\n"
    holder = store.holder(SHOP)
    assert holder is not None
    assert holder.owner.pid == victim.pid

    (heir,) = start(["heir"], 1, "in turns")
    with pytest.raises(subprocess.TimeoutExpired):
        heir.wait(timeout=0.5)
    assert len(list(store.ledger(SHOP))) == 3  # what is not committed is seen by nobody
    victim.send_signal(signal.SIGKILL)
    victim.wait(timeout=10)
    _end_well([heir])

    entries = list(store.ledger(SHOP))
    assert verify(entries) == (5, entries[-1].hash)
    assert _said(entries, "writer") == [None, None, None, "heir", "heir"]
    assert _said(entries, "token")[-1] == holder.token + 1
    assert [r.subject for r in store.journal(SHOP).unknown] == ["victim-0"]  # its intent was kept: look first
    with pytest.raises(LostLock):
        store.conclude(holder, [an_outcome()], [a_draft()])


@pytest.mark.parametrize("after", [0, 3, 40])
def test_a_writer_that_is_killed_leaves_a_valid_chain_with_all_that_it_was_told_was_kept(
    world: World, start: Start, after: int
) -> None:
    (process,) = start(["victim"], 100_000, "in turns")
    assert process.stdout
    confirmed = -1
    while confirmed < after:
        confirmed = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest = [line for line in process.communicate(timeout=30)[0].splitlines() if line.isdigit()]
    confirmed = max([confirmed, *map(int, rest)])

    store = world.open()
    entries = list(store.ledger(SHOP))
    assert not isinstance(verify(entries), Broken)
    numbers = [entry.decoded["data"]["n"] for entry in entries if "second" in entry.decoded["data"]]
    assert len(entries) == 2 * len(numbers)  # both entries of a change or none
    assert numbers in (list(range(confirmed + 1)), list(range(confirmed + 2)))
    concluded = [record for record in store.records(SHOP, 1) if not record.unknown]
    assert len(concluded) == len(numbers)  # the journal and the ledger say the same

    holder = store.holder(SHOP)
    assert holder is None or not alive(holder.owner)
    world.dead |= {holder.owner} if holder else set()
    lock = store.acquire(SHOP, BERT, lease=MINUTE)
    store.transition(lock, an_environment(), [a_draft(writer="heir")])
    assert not isinstance(verify(store.ledger(SHOP)), Broken)
