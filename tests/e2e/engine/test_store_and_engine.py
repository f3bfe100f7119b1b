"""What the store knows, the engine shows: ends of environments, and runs that are dead. Nothing is made in any cloud."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.process.owner import gone, owner_of
from adapters.store.store import SqlStore, open_store
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.lock import Lock
from tests.e2e.engine.conftest import Engine, deploy

pytestmark = pytest.mark.timeout(1800)

NOW = datetime.now(UTC).replace(microsecond=0)
TICK = "from flows.tick import tick; tick()"
DOWN = """
import sys
from flows.down import down
for name, at in zip(sys.argv[1::2], sys.argv[2::2]):
    state = down("shown", name, appointed=at, return_state=True)
    print(name, state.type.value, state.name, state.message, sep="|")
"""

TAKEN_FOR_DEAD = """
from prefect import flow, get_client
from prefect.runtime import flow_run
from prefect.states import Completed, Crashed
from flows.stopping import cancelled_in_engine

@flow
def lives():
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run.id, Crashed(message="it was not heard of"), force=True)
        before = client.read_flow_run(flow_run.id).state.type.value
        why = cancelled_in_engine()() or "nothing"
        after = client.read_flow_run(flow_run.id).state.type.value
    print(flow_run.id, why, before, after)
    return Completed(message="it ends as if nothing had been")

lives()
"""
FAILED = """
from prefect import flow
from prefect.runtime import flow_run
from flows.approving import Rejected
from flows.verbs import failed

@flow
def rejected():
    print(flow_run.id)
    return failed(Rejected("somebody said no"), name="Rejected")

rejected(return_state=True)
"""


@pytest.fixture
def store(server: Engine) -> Iterator[SqlStore]:
    home = server.baton.home
    with open_store(f"sqlite:///{home / 'baton.db'}", key_path=home / "store.key", gone=gone) as store:
        yield store


def kept(store: SqlStore, name: str, phase: Phase = Phase.READY) -> EnvironmentRef:
    """An environment that only the store knows."""
    ref = EnvironmentRef("shown", name)
    with held(store, ref) as lock:
        store.transition(lock, Environment(ref, phase, NOW, NOW, message="as a test wants it"), [])
    return ref


@contextlib.contextmanager
def held(store: SqlStore, ref: EnvironmentRef) -> Iterator[Lock]:
    me = owner_of(1) or pytest.fail("there is a process 1")
    lock = store.acquire(ref, me, lease=timedelta(minutes=1))
    try:
        yield lock
    finally:
        store.release(lock)


def flow(server: Engine, code: str, *words: str) -> str:
    """Run a flow in a process of its own, as a worker does."""
    environ = server.environ | {"BATON_CLOUD": "aws", "AWS_REGION": "eu-west-1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=environ, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def scheduled(server: Engine, ref: EnvironmentRef) -> list[str]:
    """What the UI shows as upcoming."""
    runs = server.tagged(f"environment:{ref}", "SCHEDULED")
    for run in runs:
        assert run["parameters"]["appointed"][:19] == run["expected_start_time"][:19]
    return sorted(run["expected_start_time"][:19] for run in runs)


def test_ends_are_shown_move_go_and_survive_deploying_again(server: Engine, store: SqlStore) -> None:
    ref, baton = kept(store, "ending"), server.baton
    first, second = ((NOW + timedelta(days=d)).replace(tzinfo=None).isoformat() for d in (2, 3))
    baton("down", str(ref), "--at", first, "--tz", "UTC")
    assert scheduled(server, ref) == [first]
    deploy(server)
    assert scheduled(server, ref) == [first]

    baton("down", str(ref), "--at", second, "--tz", "UTC")
    assert scheduled(server, ref) == [second]
    (moved,) = server.tagged(f"environment:{ref}", "CANCELLED")
    assert f"the end of {ref} is not at" in moved["state"]["message"]

    baton("schedule", "add", str(ref), "--cron", "0 19 1 1 *", "--tz", "Europe/Berlin")
    newyear = f"{NOW.year + 1}-01-01"
    both = sorted([second, f"{newyear}T18:00:00"])
    assert scheduled(server, ref) == both
    ends = {e["kind"]: e for e in baton("schedule", "ls", str(ref), "--json").of("end")}
    assert {kind: end["in_engine"] for kind, end in ends.items()} == {"appointment": True, "recurring": True}
    assert ends["recurring"]["local"] == f"{newyear}T19:00:00+01:00"

    # its deployment is deleted, and all that was scheduled with it; a tick brings it back
    server.api("DELETE", f"/deployments/{server.api('GET', '/deployments/name/down/baton')['id']}")
    assert scheduled(server, ref) == []
    deploy(server)
    flow(server, TICK)
    assert scheduled(server, ref) == both

    baton("schedule", "rm", str(ref))
    baton("down", str(ref), "--at", "never")
    assert scheduled(server, ref) == []
    types = [e["type"] for e in _ledger(store, ref)]
    assert types == [
        "baton.teardown.scheduled", "baton.teardown.scheduled", "baton.schedule.added", "baton.schedule.removed",
        "baton.teardown.unscheduled",
    ]  # fmt: skip


def _ledger(store: SqlStore, ref: EnvironmentRef) -> list[dict[str, object]]:
    return [entry.decoded for entry in store.ledger(ref)]


def test_a_run_for_an_end_that_is_none_any_more_touches_nothing(server: Engine, store: SqlStore) -> None:
    back, past = kept(store, "back"), kept(store, "past", Phase.DESTROYED)
    before = [(e, _ledger(store, ref)) for ref in (back, past) if (e := store.environment(ref))]
    then = (NOW - timedelta(hours=1)).isoformat()
    lines = [line.split("|") for line in flow(server, DOWN, "back", then, "past", then).splitlines() if "|" in line]
    assert [line[:3] for line in lines] == [[n, "COMPLETED", "Skipped"] for n in ("back", "past")]
    assert "it was taken back. Nothing was touched" in lines[0][3]
    assert "does not stand any more" in lines[1][3]
    assert before == [(store.environment(ref), _ledger(store, ref)) for ref in (back, past)]


def test_a_tick_tells_the_engine_which_runs_are_dead(server: Engine, store: SqlStore) -> None:
    runs = {}
    for name in ("killed", "ended", "asked", "lives"):
        ref = kept(store, name)
        runs[name] = server.start("up", name)
        server.api("POST", f"/flow_runs/{runs[name]}/set_state", state={"type": "RUNNING"}, force=True)
        if name == "asked":
            server.api("POST", f"/flow_runs/{runs[name]}/set_state", state={"type": "CANCELLING"}, force=True)
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        owner = owner_of(process.pid) or pytest.fail("it runs")
        lease = timedelta(seconds=-1) if name == "lives" else timedelta(minutes=5)
        lock = store.acquire(ref, replace(owner, flow_run=runs[name]), lease=lease)
        if name == "ended":
            store.release(lock)
        if name != "lives":
            process.kill()
            process.wait(10)
        else:
            alive = process
    try:
        flow(server, TICK)
        states = {name: server.state(run) for name, run in runs.items()}
    finally:
        alive.kill()
        alive.wait(10)
    types = {name: state["type"] for name, state in states.items()}
    assert types == {"killed": "CRASHED", "ended": "COMPLETED", "asked": "CANCELLED", "lives": "RUNNING"}
    assert "it is gone" in states["killed"]["message"]
    assert "shown/ended is ready: as a test wants it" in states["ended"]["message"]


def test_a_run_that_is_taken_for_dead_and_lives_says_so(server: Engine) -> None:
    run, asked, before, after = flow(server, TAKEN_FOR_DEAD).split()[-4:]
    assert (asked, before, after) == ("nothing", "CRASHED", "RUNNING")
    state = server.state(run)
    assert (state["type"], state["message"]) == ("COMPLETED", "it ends as if nothing had been")


def test_a_run_that_failed_carries_its_exit_code(server: Engine, store: SqlStore) -> None:
    run = flow(server, FAILED).split()[-1]
    labels = server.api("GET", f"/flow_runs/{run}")["labels"]
    assert (server.state(run)["name"], labels["baton.exit_code"]) == ("Rejected", 4)
