"""A real server, worker and local cloud with one governed environment: what the pictures are taken of."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

ROOT: Final = Path(__file__).resolve().parents[2]
BIN: Final = Path(sys.executable).parent
PATIENCE: Final = 900.0
GOVERNANCE: Final = """
approval: {always: true, valid: 4h}
cost: {max_monthly: 500}
policy: {rules: {public-ingress: {ports: [80]}}}
"""


@dataclass(frozen=True)
class Stage:
    """Where it is: the project's folder, the environment of its processes, the engine's API with its password."""

    project: Path
    environ: Mapping[str, str]
    url: str
    auth: str

    @property
    def blueprint(self) -> Path:
        return self.project / "examples" / "minimal"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        user, _, password = self.auth.partition(":")
        answer = httpx.request(method, f"{self.url}{path}", json=body, auth=(user, password), timeout=120)
        answer.raise_for_status()
        return answer.json()

    def start(self, verb: str, parameters: Mapping[str, Any]) -> str:
        """A run of a deployment; its id."""
        deployment = self.ask("GET", f"/deployments/name/{verb}/baton")["id"]
        made = self.ask("POST", f"/deployments/{deployment}/create_flow_run", {"parameters": dict(parameters)})
        return str(made["id"])

    def until(self, run: str, *types: str) -> None:
        """Wait until a run's state is of one of these types."""
        self._wait(lambda: self.ask("GET", f"/flow_runs/{run}")["state"]["type"] in types)

    def approve(self, run: str) -> None:
        answer = {"decision": "approve", "reason": "reviewed with the team", "approver": "grace"}
        assert self.ask("POST", f"/flow_runs/{run}/resume", {"run_input": answer})["status"] == "ACCEPT"

    def artifact(self, key: str) -> str:
        """The id of the newest artifact with a key."""
        wanted = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": 1}
        return str(self.ask("POST", "/artifacts/filter", wanted)[0]["id"])

    def _wait(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not true():
            if time.monotonic() > end:
                raise TimeoutError("the run does not get there")
            time.sleep(1)


@contextmanager
def staged() -> Iterator[Stage]:
    """The stage, empty; all of it is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="bp-", dir="/tmp"))
    environ = os.environ | {"BATON_HOME": str(home), "NO_COLOR": "1", "DO_NOT_TRACK": "1"}
    project = home / "project"
    for part in ("examples", "terraform", "playbooks"):
        shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    file = project / "examples" / "minimal" / "blueprint.yaml"
    file.write_text(file.read_text() + GOVERNANCE)
    worker = None
    try:
        _baton(environ, "cloud", "up")
        given = dict(
            line.removeprefix("export ").split("=", 1) for line in _baton(environ, "server", "env").splitlines()
        )
        given = {name: value.strip("'") for name, value in given.items()}
        environ |= given | {"PREFECT_WORKER_QUERY_SECONDS": "1", "PYTHONSAFEPATH": "1"}
        for words in (("work-pool", "create", "baton", "--type", "process", "--overwrite"), ("deploy", "--all")):
            subprocess.run([BIN / "prefect", "--no-prompt", *words], cwd=ROOT, env=environ, check=True)
        worker = subprocess.Popen(
            [BIN / "prefect", "worker", "start", "--pool", "baton", "--type", "process"],
            cwd=project,
            env=environ,
            start_new_session=True,
        )
        yield Stage(project, environ, given["PREFECT_API_URL"], given["PREFECT_API_AUTH_STRING"])
    finally:
        if worker is not None:
            worker.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(60)
        for words in (("server", "stop"), ("cloud", "down")):
            subprocess.run([BIN / "baton", *words], env=environ, check=False)
        shutil.rmtree(home, ignore_errors=True)


def _baton(environ: Mapping[str, str], *words: str) -> str:
    done = subprocess.run([BIN / "baton", *words], env=environ, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout
