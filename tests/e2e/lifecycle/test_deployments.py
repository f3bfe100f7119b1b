"""Used as Prefect users use it: deployed from prefect.yaml, run by a process worker, taken down by a scheduled run."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]

ROOT = Path(__file__).resolve().parents[3]
PREFECT = str(Path(sys.executable).with_name("prefect"))
REF = "minimal/deployed"


@pytest.fixture
def prefect(baton: Any) -> Iterator[Any]:
    """Prefect's own command line, pointed at the resident server, with a process worker beside it."""
    baton("cloud", "up")
    lines = baton("server", "env").out.splitlines()
    given = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    environ = baton.environ | {name: value.strip("'") for name, value in given.items()}
    environ |= {"PREFECT_WORKER_QUERY_SECONDS": "1", "PYTHONSAFEPATH": "1", "DO_NOT_TRACK": "1"}

    def run(*words: str, timeout: float = 300) -> str:
        done = subprocess.run(
            [PREFECT, "--no-prompt", *words],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    run("work-pool", "create", "baton", "--type", "process", "--overwrite")
    worker = subprocess.Popen(
        [PREFECT, "worker", "start", "--pool", "baton", "--type", "process"],
        cwd=baton.directory,  # a directory with a flows/ of its own
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield run
    finally:
        worker.terminate()
        try:
            worker.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, 9)
            worker.wait(10)


def test_every_verb_is_a_deployment_and_deploying_again_changes_nothing(baton: Any, prefect: Any) -> None:
    for _ in range(2):
        prefect("deploy", "--all")
    listed = prefect("deployment", "ls")
    verbs = {"plan", "up", "down", "rollback", "tick"}
    assert {verb for verb in verbs if f"{verb}/baton" in listed} == verbs
    example = str(baton.directory / "examples/minimal")
    parameters = ("-p", f"blueprint={example}", "-p", "environment=deployed")
    watched = prefect("deployment", "run", "up/baton", *parameters, "--watch")
    assert "Completed" in watched
    status = baton("status", REF, "--json").lines[0]
    assert status["phase"] == "ready"
    assert all(check["passed"] for check in status["checks"])

    prefect("deployment", "run", "down/baton", *parameters, "--start-in", "2 seconds")
    until = time.monotonic() + 180
    while baton("status", REF, "--json").lines[0]["phase"] != "destroyed":
        assert time.monotonic() < until, baton("status", REF).out
        time.sleep(2)
    assert baton("hosts", REF, "--json").lines == []
