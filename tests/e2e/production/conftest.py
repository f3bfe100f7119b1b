"""The production set, a local cloud, and two machines with a worker each. Nothing is installed; what lacks skips with its reason."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgresql
from tests.support.machines import Impossible, Machine, machine, network, python_and_checkout
from tests.support.production import BIN, ROOT, Production, forwarded, production, started_worker

BLUEPRINT = "/tmp/baton/project/examples/minimal"


@dataclass
class Place:
    """Everything that a scenario needs."""

    servers: Production
    machines: dict[str, Machine]
    workers: dict[str, "subprocess.Popen[bytes]"]
    key: bytes

    def baton(self, on: str, *words: str, check: bool = True, **env: str) -> "subprocess.CompletedProcess[str]":
        """Baton's command line on a machine, with its workers' settings."""
        done = self.machines[on].run(str(BIN / "baton"), *words, env=self.servers.worker_env() | env)
        assert not check or done.returncode == 0, f"baton {' '.join(words)} on {on}\n{done.stdout}\n{done.stderr}"
        return done

    def status(self, on: str, environment: str, **env: str) -> dict[str, Any]:
        lines = self.baton(on, "status", f"minimal/{environment}", "--json", check=False, **env).stdout.splitlines()
        told = (json.loads(line) for line in lines if line.startswith("{"))
        return next((line for line in told if line["type"] == "environment"), {})

    def run(self, verb: str, on: str, environment: str, **more: Any) -> str:
        """A flow run on a machine; its id."""
        return self.servers.dispatch(verb, on, blueprint=BLUEPRINT, environment=environment, **more)

    def journal(self, environment: str) -> list[tuple[int, str, str, str]]:
        """(run, kind, begun, ended) of every step of an environment, in the order of their beginning."""
        columns = "run, kind, intended_at, finished_at"
        where = f"environment = 'minimal/{environment}' ORDER BY intended_at"
        rows = self.servers.sql("baton", f"SELECT {columns} FROM baton_journal WHERE {where}").splitlines()
        return [(int(run), kind, begun, ended) for run, kind, begun, ended in (row.split("|") for row in rows)]

    def kinds(self, environment: str, run: int) -> set[str]:
        """What a run did."""
        return {kind for number, kind, _, _ in self.journal(environment) if number == run}

    def working(self, environment: str, kind: str) -> bool:
        """Whether a step of this kind is being done."""
        return any(found == kind and not ended for _, found, _, ended in self.journal(environment))


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with set_up() as found:
        yield found


@contextlib.contextmanager
def set_up() -> Iterator[Place]:
    """Everything, up and running. Skips where something lacks."""
    home = Path("/tmp") / f"bp-{os.getpid()}"  # short: sockets live below it
    with contextlib.ExitStack() as stack:
        try:
            hidden = stack.enter_context(network())
            servers = stack.enter_context(production(hidden))
        except (Impossible, postgresql.Unavailable) as why:
            pytest.skip(str(why))
        cloud = stack.enter_context(_cloud(home))
        stack.enter_context(forwarded(hidden, int(cloud["endpoint_url"].rpartition(":")[2])))
        description = {**cloud, "endpoint_url": cloud["endpoint_url"].replace("127.0.0.1", hidden.gateway)}
        visible = [*python_and_checkout(ROOT), Path(cloud["broker"]).parent]
        key = secrets.token_bytes(32)
        machines: dict[str, Machine] = {}
        for number, name in enumerate(("alpha", "beta"), 11):
            one = machines[name] = stack.enter_context(machine(hidden, name, number, visible))
            for path, content in {
                "/tmp/etc/cloud.json": json.dumps(description).encode(),
                "/tmp/etc/store.key": key,
                "/tmp/etc/ledger.key": key[::-1],
            }.items():
                one.write(path, content)
            one.copy([ROOT / "examples", ROOT / "terraform", ROOT / "playbooks"], "/tmp/baton/project")
        servers.prefect("work-pool", "create", "baton", "--type", "process")
        for name in machines:
            servers.ask("POST", "/work_pools/baton/queues", {"name": name})
        servers.prefect("deploy", "--all")
        workers = {name: started_worker(servers, one, name) for name, one in machines.items()}
        found = Place(servers, machines, workers, key)
        found.baton("alpha", "backend", "init")
        yield found


@contextlib.contextmanager
def _cloud(home: Path) -> Iterator[dict[str, Any]]:
    """A local cloud's description."""
    home.mkdir(mode=0o700)
    env = os.environ | {"BATON_HOME": str(home), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "baton", "cloud"]
    try:
        subprocess.run([*command, "up"], cwd=ROOT, env=env, check=True, capture_output=True, timeout=300)
        yield json.loads((home / "cloud" / "cloud.json").read_text())
    finally:
        subprocess.run([*command, "down"], cwd=ROOT, env=env, check=False, capture_output=True, timeout=120)
        shutil.rmtree(home, ignore_errors=True)
