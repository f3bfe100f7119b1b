"""Real processes on one SQLite store: they write at once, open it at once, and are killed in the middle."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from lifecycle.ledger import Broken, verify
from tests.support.stores import ANNA, BERT, MINUTE, SHOP, a_draft, an_environment, in_sqlite

WRITER = """
import sys
from pathlib import Path
from dataclasses import replace
from lifecycle.lock import Locked
from tests.support.stores import ANNA, MINUTE, SHOP, a_draft, an_environment, an_intent, an_outcome, in_sqlite

directory, name, count, shared = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "shared"
store = in_sqlite(directory).open()
me = replace(ANNA, user=name)


def lock():
    while True:
        try:
            return store.acquire(SHOP, me, lease=MINUTE)
        except Locked:
            continue


print("ready", flush=True)
sys.stdin.readline()
held = store.holder(SHOP) if shared else None
for n in range(count):
    mine = held or lock()
    store.intend(mine, [an_intent(f"{name}-{n}")])
    outcome = replace(an_outcome(), subject=f"{name}-{n}")
    store.conclude(mine, [outcome], [a_draft(writer=name, n=n), a_draft(writer=name, n=n, second=True)])
    print(n, flush=True)
    if not shared:
        store.release(mine)
print(store.key.hex(), flush=True)
"""

ROOT = Path(__file__).parents[2]


Start = Callable[[Sequence[str], int, str], list["subprocess.Popen[str]"]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts writers on the store in `tmp_path`, together, once each has opened it. None of them outlives the test."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    started: list[subprocess.Popen[str]] = []

    def start(names: Sequence[str], count: int, how: str) -> list["subprocess.Popen[str]"]:
        for name in names:
            process = subprocess.Popen(
                [*command, name, str(count), how],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            started.append(process)
        for process in started:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        return started

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", ["shared", "in turns"])
def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path, start: Start, how: str) -> None:
    """Under one lock that both know, and under locks that they take from each other. Both make the store and its key."""
    count = 60
    if how == "shared":
        in_sqlite(tmp_path).open().acquire(SHOP, ANNA, lease=MINUTE)
    processes = start(["one", "two"], count, how)
    keys = {process.communicate(timeout=120)[0].splitlines()[-1] for process in processes}
    assert [process.returncode for process in processes] == [0, 0]

    store = in_sqlite(tmp_path).open()
    entries = list(store.ledger(SHOP))
    assert verify(entries) == (4 * count, entries[-1].hash)
    written = [(e.decoded["data"]["writer"], e.decoded["data"]["n"], "second" in e.decoded["data"]) for e in entries]
    assert len(set(written)) == 4 * count
    for name in ("one", "two"):
        assert [n for writer, n, second in written if writer == name and second] == list(range(count))
    assert len(store.journal(SHOP).records) == 2 * count
    assert store.journal(SHOP).unknown == ()
    assert keys == {store.key.hex()}


def test_many_processes_may_make_one_store_at_once(tmp_path: Path, start: Start) -> None:
    processes = start([f"p{n}" for n in range(5)], 1, "in turns")
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0
    entries = list(in_sqlite(tmp_path).open().ledger(SHOP))
    assert verify(entries)[0] == 10  # type: ignore[index]


@pytest.mark.parametrize("after", [0, 3, 17, 40])
def test_a_writer_that_is_killed_leaves_a_valid_chain_with_all_that_it_was_told_was_kept(
    tmp_path: Path, start: Start, after: int
) -> None:
    (process,) = start(["victim"], 100_000, "in turns")
    assert process.stdout
    confirmed = -1
    while confirmed < after:
        confirmed = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest = [line for line in process.communicate(timeout=30)[0].splitlines() if line.isdigit()]
    confirmed = max([confirmed, *map(int, rest)])

    world = in_sqlite(tmp_path)
    store = world.open()
    entries = list(store.ledger(SHOP))
    assert not isinstance(verify(entries), Broken)
    numbers = [entry.decoded["data"]["n"] for entry in entries if "second" in entry.decoded["data"]]
    assert len(entries) == 2 * len(numbers)  # both entries of a change or none
    assert numbers in (list(range(confirmed + 1)), list(range(confirmed + 2)))
    concluded = [record for record in store.records(SHOP, 1) if not record.unknown]
    assert len(concluded) == len(numbers)  # the journal and the ledger say the same

    world.dead.add(next(iter({lock.owner for lock in [store.holder(SHOP)] if lock}), BERT))
    lock = store.acquire(SHOP, BERT, lease=MINUTE)
    store.transition(lock, an_environment(), [a_draft(writer="heir")])
    assert not isinstance(verify(store.ledger(SHOP)), Broken)
