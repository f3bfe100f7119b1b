"""The engine's own reactions: installed again and again they stay the same, and a killed run is gone on with by a tick."""

import os
import signal
import time
from typing import Any

import pytest

from tests.e2e.lifecycle.conftest import Baton
from tests.e2e.lifecycle.test_deployments import prefect  # noqa: F401  a fixture
from tests.support.engine_api import EngineApi, processes_of

pytestmark = [pytest.mark.timeout(1800), pytest.mark.long]
REF = "minimal/crash"


def states(baton: Baton, *words: str) -> set[str]:
    return {line["state"] for line in baton("automations", *words, "--json").of("automation")}


def test_a_killed_run_is_gone_on_with_by_the_tick_that_its_crash_starts(
    baton: Baton,
    prefect: Any,  # noqa: F811
) -> None:
    prefect("deploy", "--all")
    assert states(baton, "apply") == {"installed"}
    assert states(baton, "apply") == {"unchanged"}
    assert states(baton, "list") == {"installed"}
    api = EngineApi.of(baton("server", "env").out.splitlines())
    run = api.start("up", {"blueprint": str(baton.directory / "examples/minimal"), "environment": "crash"})
    end = time.monotonic() + 400
    while [e["phase"] for e in baton("status", REF, "--json", check=False).of("environment")] != ["provisioning"]:
        assert time.monotonic() < end
    for process in processes_of(run):
        os.kill(int(process), signal.SIGKILL)
    assert api.ended(run)["type"] == "CRASHED"
    while baton("status", REF, "--json").lines[0]["phase"] != "ready":
        assert time.monotonic() < end + 400
        time.sleep(3)
    tick = api.ask("GET", "/deployments/name/tick/baton")["id"]
    begun = {"deployment_id": {"any_": [tick]}, "start_time": {"is_null_": False}}  # many more are scheduled ahead
    ticks = api.ask("POST", "/flow_runs/filter", {"flow_runs": begun})
    assert any(one["auto_scheduled"] is False for one in ticks), ticks
    assert states(baton, "remove") == {"removed"}
    assert states(baton, "list") == {"missing"}
    baton("down", REF)
