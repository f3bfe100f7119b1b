"""Ends of environments as the UI shows them: scheduled runs that move, go, come back, and are done once."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.engine.conftest import EXAMPLE, Engine, deploy, until

pytestmark = [pytest.mark.timeout(3600), pytest.mark.long]

REF = "minimal/ending"
TAG = f"environment:{REF}"


def at(**later: float) -> str:
    """A time from now on, to the second, in UTC."""
    return (datetime.now(UTC) + timedelta(**later)).replace(microsecond=0, tzinfo=None).isoformat()


def scheduled(engine: Engine) -> list[str]:
    """What the UI shows as upcoming."""
    runs = engine.tagged(TAG, "SCHEDULED")
    for run in runs:
        assert run["parameters"]["appointed"][:19] == run["expected_start_time"][:19]
    return sorted(run["expected_start_time"][:19] for run in runs)


def test_an_end_is_shown_moved_kept_taken_back_and_done_once(engine: Engine) -> None:
    baton = engine.baton
    baton("up", EXAMPLE, "--env", "ending", timeout=900)
    first, second = at(days=2), at(days=3)
    baton("down", REF, "--at", first, "--tz", "UTC")
    assert scheduled(engine) == [first]
    deploy(engine)  # deploying again loses nothing
    assert scheduled(engine) == [first]
    baton("down", REF, "--at", second, "--tz", "UTC")
    assert scheduled(engine) == [second]
    (moved,) = engine.tagged(TAG, "CANCELLED")
    assert f"the end of {REF} is not at" in moved["state"]["message"]

    # a recurring one beside it; the engine shows both, and so does `schedule ls`
    baton("schedule", "add", REF, "--cron", "0 19 1 1 *", "--tz", "Europe/Berlin")
    year = datetime.now(UTC).year + 1
    assert scheduled(engine) == sorted([second, f"{year}-01-01T18:00:00"])
    ends = baton("schedule", "ls", "--json").of("end")
    mine = {end["kind"]: end for end in ends if end["environment"] == REF}
    assert {kind: end["in_engine"] for kind, end in mine.items()} == {"appointment": True, "recurring": True}
    assert mine["recurring"]["local"] == f"{year}-01-01T19:00:00+01:00"

    # somebody deletes the deployment, and all that was scheduled with it: the next tick brings it back
    down = engine.api("GET", "/deployments/name/down/baton")
    engine.api("DELETE", f"/deployments/{down['id']}")
    assert scheduled(engine) == []
    deploy(engine)
    engine.ended(ticked(engine))
    assert scheduled(engine) == sorted([second, f"{year}-01-01T18:00:00"])

    baton("schedule", "rm", REF)
    baton("down", REF, "--at", "never")
    assert scheduled(engine) == []

    # a run for an end that was taken back touches nothing
    ended = engine.ended(appointed(engine, datetime.now(UTC) - timedelta(seconds=1)))
    assert (ended["type"], ended["name"]) == ("COMPLETED", "Skipped")
    assert "it was taken back. Nothing was touched" in ended["message"]
    assert engine.phase(REF) == "ready"

    # and the one that counts is done by the engine, without any tick, and once
    end = at(seconds=45)
    baton("down", REF, "--at", end, "--tz", "UTC")
    (run,) = engine.tagged(TAG, "SCHEDULED")
    state = engine.ended(run["id"])
    assert state["type"] == "COMPLETED", state
    assert engine.phase(REF) == "destroyed"
    again = engine.ended(appointed(engine, datetime.fromisoformat(end).replace(tzinfo=UTC)))
    assert (again["type"], again["name"]) == ("COMPLETED", "Skipped")
    assert "does not stand any more" in again["message"]
    entries = [
        e for e in baton("audit", "log", "--environment", REF, "--json").out.splitlines() if "baton.teardown.done" in e
    ]
    assert len(entries) == 1
    assert baton("tick", "--json").of("tick")[0]["done"] == []


def ticked(engine: Engine) -> str:
    """A run of the deployed tick."""
    deployment = engine.api("GET", "/deployments/name/tick/baton")["id"]
    return str(engine.api("POST", f"/deployments/{deployment}/create_flow_run", state={"type": "SCHEDULED"})["id"])


def appointed(engine: Engine, when: datetime) -> str:
    """A run of `down` for an end, as a late or a repeated one comes."""
    deployment = engine.api("GET", "/deployments/name/down/baton")["id"]
    parameters: dict[str, Any] = {"blueprint": "minimal", "environment": "ending", "appointed": when.isoformat()}
    return str(engine.api("POST", f"/deployments/{deployment}/create_flow_run", parameters=parameters)["id"])


def test_what_comes_while_no_worker_lives_is_done_when_one_does(engine: Engine) -> None:
    baton = engine.baton
    baton("up", EXAMPLE, "--env", "ending", timeout=900)
    for worker in engine.workers:
        worker.terminate()
        worker.wait(60)
    baton("down", REF, "--at", at(seconds=20), "--tz", "UTC")
    until(lambda: [r for r in engine.tagged(TAG) if r["state"]["name"] == "Late"], 120)
    assert engine.phase(REF) == "ready"
    time.sleep(1)
    engine.worker()
    (late,) = engine.tagged(TAG, "SCHEDULED")
    assert engine.ended(late["id"])["type"] == "COMPLETED"
    assert engine.phase(REF) == "destroyed"
