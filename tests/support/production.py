"""The production set as `deploy/` says it, started from Debian's packages in a network of the test's own: PostgreSQL, Redis, Prefect."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import postgresql
from tests.support.machines import Impossible, Machine, Network, wait_for

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
API_PORT = 4200


def settings_of(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """The variables of a file in `deploy/`, with what it leaves open filled in."""
    text = (ROOT / "deploy" / name).read_text()
    for placeholder, value in given.items():
        text = text.replace(f"<{placeholder}>", value)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = dict(line.split("=", 1) for line in lines)
    assert not [v for v in found.values() if "<" in v], "something is left open"
    return found


@dataclass
class Production:
    """What runs in the network's machine, and how to ask it."""

    network: Network
    home: Path
    postgres: Path
    given: dict[str, str]
    server_env: dict[str, str]
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def api(self) -> str:
        return f"http://{self.network.gateway}:{API_PORT}/api"

    def worker_env(self) -> dict[str, str]:
        """As on a machine whose own directories all lie below /tmp."""
        env = settings_of("worker.env", self.given)
        moved = {k: v.replace("/var/lib/baton", "/tmp/baton").replace("/etc/baton", "/tmp/etc") for k, v in env.items()}
        return moved | {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PREFECT_API_URL": self.api,
            "BATON_CLOUD": "/tmp/etc/cloud.json",
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **{name: os.environ[name] for name in ("BATON_MIRROR", "BATON_TERRAFORM") if name in os.environ},
        }

    def start(self, name: str, *argv: str, env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        with (self.home / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*self.network.within, *argv], env=dict(env), cwd="/", stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(process)
        return process

    def prefect(self, *words: str, timeout: float = 300) -> str:
        """Prefect's command line, with the workers' settings, on the servers' machine."""
        env = self.worker_env() | {"HOME": str(self.home), "PREFECT_HOME": str(self.home / "prefect-client")}
        done = subprocess.run(
            [*self.network.within, str(BIN / "prefect"), "--no-prompt", *words],
            cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"prefect {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A question to Prefect's API."""
        auth = b64encode(self.server_env["PREFECT_API_AUTH_STRING"].encode()).decode()
        headers = {"Authorization": f"Basic {auth}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}{path}", data, headers, method=method)

        def ask() -> Any:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=60) as answer:
                text = answer.read()
                return json.loads(text) if text else None

        return self.network.call(ask)

    def dispatch(self, verb: str, queue: str, **parameters: Any) -> str:
        """A run of a deployment on the one machine whose worker takes this queue; its id."""
        deployment = self.ask("GET", f"/deployments/name/{verb}/baton")["id"]
        body = {"parameters": parameters, "work_queue_name": queue}
        return str(self.ask("POST", f"/deployments/{deployment}/create_flow_run", body)["id"])

    def state(self, run: str) -> tuple[str, str]:
        """(type, message) of a run's state."""
        state = self.ask("GET", f"/flow_runs/{run}")["state"]
        return str(state["type"]), str(state["message"] or "")

    def ended(self, run: str, seconds: float = 400) -> tuple[str, str]:
        """How a run ended."""
        final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        wait_for(lambda: self.state(run)[0] in final, seconds, lambda: f"{self.state(run)}\n{self.log(run)}")
        return self.state(run)

    def log(self, run: str) -> str:
        wanted = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC", "limit": 200}
        return "\n".join(line["message"] for line in self.ask("POST", "/logs/filter", wanted))

    def sql(self, database: str, statement: str) -> str:
        psql = str(postgresql.binaries() / "psql")
        argv = [psql, "-qAt", "-h", str(self.postgres), "-U", postgresql.USER, "-d", database, "-c", statement]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start_servers(self) -> None:
        """The API, and the background services, as two processes."""
        self.start("server", str(BIN / "prefect"), "server", "start", "--no-services", env=self.server_env)
        wait_for(self._healthy, 180, lambda: (self.home / "server.log").read_text()[-2000:])
        self.start("services", str(BIN / "prefect"), "server", "services", "start", env=self.server_env)

    def _healthy(self) -> bool:
        assert all(p.poll() is None for p in self.processes), (self.home / "server.log").read_text()[-2000:]
        with contextlib.suppress(urllib.error.URLError, OSError):
            return bool(self.ask("GET", "/health"))
        return False

    def close(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


@contextlib.contextmanager
def production(network: Network) -> Iterator[Production]:
    """The servers, up and migrated, with empty databases `prefect` and `baton`. Raises Impossible, postgresql.Unavailable."""
    redis = shutil.which("redis-server")
    if redis is None:
        raise Impossible("no Redis server is installed (Debian: apt-get install redis-server)")
    home = Path(tempfile.mkdtemp(prefix="baton-prod-"))
    here = network.gateway
    words = ("prefect-password", "redis-password", "api-password", "store-password")
    given = {word: secrets.token_hex(12) for word in words}
    given |= {"database-host": here, "redis-host": here, "public-name": "baton.example.com"}
    given |= {"state-bucket": "states", "region": "eu-west-1"}
    given["encryption-key"] = b64encode(secrets.token_bytes(32), b"-_").decode()
    env = settings_of("server.env", given)
    env = {k: v.replace("/var/lib/baton-server", str(home / "server")) for k, v in env.items()}
    env |= {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(home), "PREFECT_SERVER_API_HOST": here}
    env |= {"PREFECT_API_URL": f"http://{here}:{API_PORT}/api"}
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        postgres = network.call(lambda: stack.enter_context(postgresql.server(here)))
        one = Production(network, home, postgres, given, env)
        stack.callback(one.close)
        for role, database, word in (("prefect", "prefect", "prefect"), ("baton_store", "baton", "store")):
            password = given[f"{word}-password"]
            one.sql("postgres", f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
            one.sql("postgres", f"CREATE DATABASE {database} OWNER {role}")
        start_redis(one, redis, given["redis-password"])
        upgrade = [str(BIN / "prefect"), "server", "database", "upgrade", "-y"]
        done = subprocess.run(
            [*network.within, *upgrade], env=env, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        one.start_servers()
        yield one


def start_redis(one: Production, program: str, password: str) -> None:
    """Redis on the gateway's address, with its configuration by standard input: the password is no argument."""
    words = [f"bind {one.network.gateway}", "port 6379", f"requirepass {password}", 'save ""', f"dir {one.home}"]
    with (one.home / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            [*one.network.within, program, "-"],
            stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write("\n".join(words) + "\n")
    process.stdin.close()
    one.processes.append(process)  # type: ignore[arg-type]

    def answers() -> bool:
        with contextlib.suppress(OSError):
            one.network.call(lambda: socket.create_connection((one.network.gateway, 6379), 2)).close()
            return True
        return False

    wait_for(answers, 30, (one.home / "redis.log").read_text, 0.1)


@contextlib.contextmanager
def forwarded(network: Network, port: int) -> Iterator[None]:
    """A port of this machine's loopback (the local cloud's API), under the same number on the network's gateway."""
    listener = network.call(lambda: socket.create_server((network.gateway, port), backlog=128))
    done = threading.Event()

    def carry(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def handle(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 30) as there:
            there.settimeout(None)
            back = threading.Thread(target=carry, args=(there, client), daemon=True)
            back.start()
            carry(client, there)
            back.join()

    def serve() -> None:
        while not done.is_set():
            with contextlib.suppress(OSError):
                client, _ = listener.accept()
                threading.Thread(target=handle, args=(client,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        done.set()
        listener.close()


def started_worker(one: Production, machine: Machine, queue: str) -> "subprocess.Popen[bytes]":
    """A worker of a machine, which takes what is dispatched to this queue."""
    argv = machine.inside(
        str(BIN / "python"), "-P", "-m", "flows.draining", "--queue", queue, "--name", f"{machine.name}-1", "--limit", "4",
    )  # fmt: skip
    with (one.home / f"worker-{machine.name}.log").open("ab") as log:
        process = subprocess.Popen(argv, env=one.worker_env(), stdout=log, stderr=log, start_new_session=True)
    one.processes.append(process)
    return process


def eventually(what: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true in time."""
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.5)
    return True
