"""Baton's worker when it is asked to end: once, and again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.engine.conftest import Engine, until

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]
LITTLE = """
import os, time
from pathlib import Path
from prefect import flow

@flow(name="little", persist_result=False, retries=0)
def little(until: str) -> None:
    while not Path(until).exists():
        time.sleep(0.2)
"""
DEPLOY = """
import sys
from prefect import flow
flow.from_source(source=sys.argv[1], entrypoint="little.py:little").deploy(name="baton", work_pool_name="baton", print_next_steps=False)
"""


@pytest.fixture(scope="module")
def little(server: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A flow that ends when a file is there, deployed; its deployment's id."""
    folder = tmp_path_factory.mktemp("little")
    (folder / "little.py").write_text(LITTLE)
    subprocess.run([sys.executable, "-c", DEPLOY, str(folder)], env=server.environ, check=True, timeout=300)
    return str(server.api("GET", "/deployments/name/little/baton")["id"])


@pytest.fixture
def start(server: Engine, little: str) -> Callable[[Path], str]:
    def started(ends: Path) -> str:
        run = server.api("POST", f"/deployments/{little}/create_flow_run", parameters={"until": str(ends)})
        until(lambda: server.state(str(run["id"]))["type"] == "RUNNING", 120)
        return str(run["id"])

    return started


@pytest.fixture
def worker(server: Engine, tmp_path: Path) -> Iterator[Any]:
    log = (tmp_path / "worker.log").open("wb")
    argv = [sys.executable, "-P", "-m", "flows.draining"]
    with (
        log,
        subprocess.Popen(argv, cwd=tmp_path, env=server.environ, stdout=log, stderr=log, start_new_session=True) as one,
    ):
        yield one
        if one.poll() is None:
            os.killpg(one.pid, signal.SIGKILL)


def test_asked_once_it_takes_nothing_new_and_ends_after_its_last_run(
    server: Engine, worker: Any, start: Callable[[Path], str], little: str, tmp_path: Path
) -> None:
    run = start(tmp_path / "end")
    worker.send_signal(signal.SIGTERM)
    new = server.api("POST", f"/deployments/{little}/create_flow_run", parameters={"until": "/"})["id"]
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(8)
    assert (server.state(run)["type"], server.state(str(new))["type"]) == ("RUNNING", "SCHEDULED")
    (tmp_path / "end").touch()
    assert worker.wait(60) == 0
    assert (server.ended(run)["type"], server.state(str(new))["type"]) == ("COMPLETED", "SCHEDULED")
    server.api("DELETE", f"/flow_runs/{new}")


def test_asked_again_it_has_its_runs_stopped_and_waits_for_them(
    server: Engine, worker: Any, start: Callable[[Path], str], tmp_path: Path
) -> None:
    run = start(tmp_path / "never")
    worker.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(3)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert server.ended(run, 30)["type"] == "CANCELLED"
