"""A real server and a real process worker, deployed to from prefect.yaml; looked at and disturbed through the engine's API."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lifecycle.conftest import Baton, copy_examples, home  # noqa: F401 - one home for all tests of this folder

ROOT = Path(__file__).resolve().parents[3]
PREFECT = str(Path(sys.executable).with_name("prefect"))
EXAMPLE = "examples/minimal"
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass
class Engine:
    """The engine's API as the UI uses it, Prefect's command line, and workers."""

    baton: Baton
    environ: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def api(self, method: str, path: str, **body: Any) -> Any:
        """What the API answers."""
        login = b64encode(self.environ["PREFECT_API_AUTH_STRING"].encode()).decode()
        request = urllib.request.Request(
            self.environ["PREFECT_API_URL"] + path,
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def prefect(self, *words: str) -> str:
        done = subprocess.run(
            [PREFECT, "--no-prompt", *words],
            cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def worker(self) -> subprocess.Popen[bytes]:
        """One more worker, in a directory with a flows/ of its own."""
        log = (self.baton.home / f"worker-{len(self.workers)}.log").open("wb")
        one = subprocess.Popen(
            [PREFECT, "worker", "start", "--pool", "baton", "--type", "process"],
            cwd=self.baton.directory, env=self.environ, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        log.close()
        self.workers.append(one)
        return one

    def a_worker(self) -> subprocess.Popen[bytes]:
        """The worker that lives, or a new one."""
        return next((one for one in self.workers if one.poll() is None), None) or self.worker()

    def start(self, verb: str, env: str, **more: Any) -> str:
        """Run a deployment as the UI's form does; the flow run's id."""
        deployment = self.api("GET", f"/deployments/name/{verb}/baton")["id"]
        parameters = {"blueprint": str(self.baton.directory / EXAMPLE), "environment": env, **more}
        run = self.api("POST", f"/deployments/{deployment}/create_flow_run", parameters=parameters)
        return str(run["id"])

    def state(self, run: str) -> dict[str, Any]:
        state: dict[str, Any] = self.api("GET", f"/flow_runs/{run}")["state"]
        return state

    def ended(self, run: str, patience: float = 600) -> dict[str, Any]:
        """The final state of a run."""
        until(lambda: self.state(run)["type"] in FINAL, patience, lambda: str(self.state(run)))
        return self.state(run)

    def tagged(self, tag: str, *types: str) -> list[dict[str, Any]]:
        """Flow runs with a tag, in states of some types."""
        flow_runs: dict[str, Any] = {"tags": {"all_": [tag]}}
        if types:
            flow_runs["state"] = {"type": {"any_": list(types)}}
        found: list[dict[str, Any]] = self.api("POST", "/flow_runs/filter", flow_runs=flow_runs)
        return found

    def phase(self, ref: str) -> str:
        found = self.baton("status", ref, "--json", check=False).of("environment")
        return found[0]["phase"] if found else ""

    def working(self, ref: str, step: str, patience: float = 300) -> None:
        """Wait until a step of an environment's run has begun."""

        def begun() -> bool:
            log = self.baton("logs", ref, "--json", check=False).out
            return f'"{step}' in log and "step.started" in log

        until(begun, patience, lambda: self.baton("logs", ref, check=False).out[-2000:])

    def process_of(self, ref: str) -> int:
        """The process that holds an environment."""
        said = self.baton("status", ref, "--json").of("environment")[0]["locked_by"]
        return int(said.partition("(process ")[2].partition(",")[0])


def until(look: Callable[[], Any], patience: float, why: Callable[[], str] = str) -> Any:
    """What `look` finds, once it finds something."""
    end = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < end, why()
        time.sleep(1)
    return found


@pytest.fixture(scope="session")
def server(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:  # noqa: F811
    """A server with Baton's deployments. No tick runs by itself: a test says when."""
    project = tmp_path_factory.mktemp("project")
    copy_examples(project)
    for name in ("flows", "lifecycle"):
        (project / name).mkdir()
        (project / name / "__init__.py").write_text("raise RuntimeError('a module of the user was imported')\n")
    baton = Baton(home, project)
    until(lambda: baton("server", "start", check=False).code == 0, 900)  # a busy machine needs more than it is given
    lines = baton("server", "env").out.splitlines()
    given = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    environ = baton.environ | {name: value.strip("'") for name, value in given.items()}
    environ |= {"PREFECT_WORKER_QUERY_SECONDS": "1", "PYTHONSAFEPATH": "1", "DO_NOT_TRACK": "1"}
    found = Engine(baton, environ)
    found.prefect("work-pool", "create", "baton", "--type", "process", "--overwrite")
    deploy(found)
    return found


@pytest.fixture(scope="session")
def engine(server: Engine) -> Iterator[Engine]:
    """The same with the local cloud and one worker."""
    server.baton("cloud", "up")
    server.worker()
    try:
        yield server
    finally:
        for worker in server.workers:
            end(worker)


def deploy(engine: Engine) -> None:
    """`prefect deploy --all`, and the tick's own schedule paused."""
    engine.prefect("deploy", "--all")
    tick = engine.api("GET", "/deployments/name/tick/baton")
    engine.api("POST", f"/deployments/{tick['id']}/pause_deployment")


def end(worker: subprocess.Popen[bytes]) -> None:
    """End a worker and what it started."""
    with contextlib.suppress(ProcessLookupError):
        worker.send_signal(signal.SIGTERM)
    try:
        worker.wait(40)
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(10)
