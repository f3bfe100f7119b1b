"""`baton serve`: what it brings, what it runs, how it ends, and what is left when it is killed."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.serving import serving

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]
VERBS = {"plan", "up", "down", "rollback", "tick"}


def until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    end = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < end, what
        time.sleep(1)
    return value


def test_a_published_blueprint_is_run_by_its_reference_from_prefects_own_command(baton: Any) -> None:
    reference = baton("publish", "examples/minimal").out.strip()
    assert reference == "store:minimal@1"
    parameters = ("-p", "blueprint=store:minimal", "-p", "environment=served")
    with serving(baton) as served:
        assert {name.removesuffix("/baton") for name in served.lines[-1]["deployments"]} >= VERBS
        [again] = baton("serve", "--json").of("serving")
        assert (again["already"], again["pid"]) == (True, served.process.pid)
        up = served.prefect("deployment", "run", "up/baton", *parameters, "--watch")
        assert up.returncode == 0, up.stdout + up.stderr
        status = baton("status", "minimal/served", "--json").lines[0]
        assert (status["phase"], status["blueprint"]) == ("ready", "store:minimal")
        [revision] = baton("history", "minimal/served", "--revisions", "--json").lines
        assert revision["source"] == reference
        [entry] = [
            e for e in baton("history", "minimal/served", "--json").lines if "revision.accepted" in e["event"]["type"]
        ]
        assert entry["event"]["data"]["source"] == reference
        scheduled = until(
            lambda: served.api("/flow_runs/filter", {"flow_runs": {"tags": {"all_": ["auto-scheduled", "tick"]}}}),
            150,
            "the engine never scheduled a tick",
        )
        assert {run["parameters"].get("limit") for run in scheduled} <= {None}
        down = served.prefect("deployment", "run", "down/baton", *parameters, "--watch")
        assert down.returncode == 0, down.stdout + down.stderr
        assert baton("status", "minimal/served", "--json").lines[0]["phase"] == "destroyed"
        ended = [line["state"] for line in served.lines if line["type"] == "run"]
        code, _ = served.interrupt()
    assert code == 0
    assert ended.count("Crashed") == 0


def test_ctrl_c_in_the_middle_of_a_run_stops_it_tidily_and_leaves_nothing(baton: Any) -> None:
    example = str(baton.directory / "examples/minimal")
    with serving(baton) as served:
        run = served.run("up", blueprint=example, environment="stopped")
        until(
            lambda: any(
                line.get("phase") == "provisioning"
                for line in baton("status", "minimal/stopped", "--json", check=False).lines
            ),
            240,
            "the run never began to provision",
        )
        [worker] = served.workers
        code, seconds = served.interrupt()
        assert (code, served.workers) == (0, [])
        assert seconds < 60  # thirty for the run; what remains is the machine's load
        assert not os.path.exists(f"/proc/{worker}")  # noqa: PTH110
        rest = [line for line in list(served.came.queue) if line]
        assert any('"stopping"' in line and '"runs": 1' in line for line in rest), rest
    status = baton("status", "minimal/stopped", "--json").lines[0]
    assert status["locked_by"] == ""
    baton("server", "start")
    assert served.state(run)["type"] == "CANCELLED"
    assert baton("down", "minimal/stopped", "--yes", "--json").result["phase"] == "destroyed"


def test_a_serve_that_is_killed_takes_its_worker_along(baton: Any) -> None:
    with serving(baton) as served:
        assert len(served.workers) == 1
        os.kill(served.process.pid, signal.SIGKILL)
        served.process.wait(30)
        until(lambda: not served.workers, 60, "the worker lives on")
    with serving(baton) as again:  # nothing of the old one is in the way
        assert len(again.workers) == 1


def test_with_an_api_of_the_users_own_only_pool_worker_and_deployments_are_added(baton: Any, tmp_path: Any) -> None:
    """The user's server stays what it is: it runs before and after, and Baton starts none of its own."""
    import json
    from dataclasses import replace

    baton("server", "start")
    theirs = json.loads((baton.home / "engine/server.json").read_text())
    home = tmp_path / "h"
    other = replace(baton, home=home)
    environ = {"PREFECT_API_URL": theirs["url"], "PREFECT_API_AUTH_STRING": theirs["auth"]}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        with serving(other, "--no-cloud") as served:
            assert served.lines[-1]["url"] == theirs["url"]
            assert not (home / "engine/server.json").exists()
            served.interrupt()
    assert baton("server", "status", "--json").lines[0]["running"] is True
