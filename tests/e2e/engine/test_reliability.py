"""Whatever happens to a run, its worker, the server and its database: the environment ends right, and the UI tells the truth."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.engine.conftest import EXAMPLE, Engine, until
from tests.e2e.lifecycle.conftest import BATON

pytestmark = [pytest.mark.timeout(3600), pytest.mark.long]

TRUTH = 120.0
"""Seconds until the UI tells the truth."""


@pytest.fixture
def env(engine: Engine, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of an environment of the test's own, taken down afterwards. A worker lives when it begins."""
    engine.a_worker()
    name = f"e{abs(hash(request.node.name)) % 10**6}"
    yield name
    engine.baton("down", EXAMPLE, "--env", name, "--yes", check=False, timeout=900)


def stands(engine: Engine, ref: str) -> None:
    """Ready, and with one host: nothing was made twice."""
    (known,) = engine.baton("status", ref, "--json").of("environment")
    assert (known["phase"], len(known["hosts"]), known["locked_by"]) == ("ready", 1, "")


def test_cancel_in_the_ui_ends_the_run_and_frees_the_environment(engine: Engine, env: str) -> None:
    ref = f"minimal/{env}"
    run = engine.start("up", env)
    engine.working(ref, "apply:")
    pressed = time.monotonic()
    engine.api("POST", f"/flow_runs/{run}/set_state", state={"type": "CANCELLING"})
    assert engine.ended(run)["type"] == "CANCELLED"
    assert time.monotonic() - pressed < TRUTH
    (known,) = engine.baton("status", ref, "--json").of("environment")
    assert known["locked_by"] == ""
    assert "interrupted" in known["message"]
    assert engine.baton("tick", "--json").of("tick")[0]["done"] == []  # who asked it to stop has it
    assert engine.ended(engine.start("up", env))["type"] == "COMPLETED"
    stands(engine, ref)


def test_a_worker_that_is_asked_to_end_kills_its_run_and_the_tick_says_so_and_goes_on(engine: Engine, env: str) -> None:
    """Prefect's worker kills what it runs and tells the engine nothing of it."""
    ref = f"minimal/{env}"
    run = engine.start("up", env)
    engine.working(ref, "apply:")
    worker = engine.a_worker()
    worker.send_signal(signal.SIGTERM)
    worker.wait(90)
    told_and_gone_on_with(engine, ref, run)


def test_a_run_that_dies_with_its_worker_is_told_by_the_tick_that_goes_on_with_it(engine: Engine, env: str) -> None:
    ref = f"minimal/{env}"
    run = engine.start("up", env)
    engine.working(ref, "apply:")
    process, worker = engine.process_of(ref), engine.a_worker()
    os.kill(worker.pid, signal.SIGKILL)  # first: nobody is left who would notice
    os.kill(process, signal.SIGKILL)
    worker.wait(10)
    assert engine.state(run)["type"] == "RUNNING"
    told_and_gone_on_with(engine, ref, run)


def told_and_gone_on_with(engine: Engine, ref: str, run: str) -> None:
    """The next tick has the engine show within its time that the run is dead, and brings the environment to its end."""
    begun = time.monotonic()
    ticking = subprocess.Popen(
        [str(BATON), "tick"], env=engine.baton.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        ended = engine.ended(run, TRUTH)
        assert time.monotonic() - begun < TRUTH
        assert ended["type"] == "CRASHED"
        assert "which this run was" in ended["message"]
        assert ticking.wait(900) == 0
    finally:
        ticking.kill()
        ticking.wait(30)
    stands(engine, ref)


def test_a_worker_that_is_killed_alone_leaves_its_run_to_end_well(engine: Engine, env: str) -> None:
    ref = f"minimal/{env}"
    run = engine.start("up", env)
    engine.working(ref, "apply:")
    worker = engine.a_worker()
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait(10)
    assert engine.ended(run)["type"] == "COMPLETED"
    stands(engine, ref)


def server_process(engine: Engine) -> int:
    """The server below its keeper."""
    keeper = engine.baton("server", "status").out.partition("(process ")[2].partition(")")[0]
    return int(Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()[0])


def test_a_server_that_is_away_for_a_while_costs_nothing(engine: Engine, env: str) -> None:
    """Stopped for longer than any request waits, as a server that is started again, or whose database does not answer."""
    ref = f"minimal/{env}"
    run = engine.start("up", env)
    engine.working(ref, "apply:")
    server = server_process(engine)
    os.kill(server, signal.SIGSTOP)
    try:
        time.sleep(10)
    finally:
        os.kill(server, signal.SIGCONT)
    assert engine.ended(run)["type"] == "COMPLETED"
    stands(engine, ref)


def test_a_server_that_is_killed_comes_back_where_it_was_and_costs_nothing(engine: Engine, env: str) -> None:
    ref = f"minimal/{env}"
    run = engine.start("up", env)
    engine.working(ref, "apply:")
    before = server_process(engine)
    os.kill(before, signal.SIGKILL)
    until(lambda: answers(engine), 300)
    assert server_process(engine) != before
    assert engine.ended(run)["type"] == "COMPLETED"
    stands(engine, ref)


def answers(engine: Engine) -> bool:
    with contextlib.suppress(OSError):
        return bool(engine.api("GET", "/admin/version"))
    return False


def test_a_store_that_is_away_for_ten_seconds_costs_nothing(engine: Engine, env: str) -> None:
    """Somebody holds the whole database: nothing of ours can be written meanwhile."""
    ref = f"minimal/{env}"
    run = engine.start("up", env)
    engine.working(ref, "apply:")
    held = sqlite3.connect(engine.baton.home / "baton.db", timeout=30, isolation_level=None)
    try:
        held.execute("BEGIN EXCLUSIVE")
        time.sleep(10)
    finally:
        held.execute("ROLLBACK")
        held.close()
    assert engine.ended(run)["type"] == "COMPLETED"
    stands(engine, ref)
