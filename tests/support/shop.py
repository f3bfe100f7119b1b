"""The shop of `examples/shop` as tests see it: its environment, its visitors, and what must not be restarted for nothing."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

EXAMPLE = "examples/shop"
EXPECTED: dict[str, Any] = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / EXAMPLE / "expectations.yaml").read_text()
)
SERVICES = {"db-1": "[m]ariadbd", "web-1": "[o]pt/shop/shop.py", "web-2": "[o]pt/shop/shop.py"}
"""What must not be restarted without a reason: host → pattern of its process (which the shell that looks does not match)."""


@dataclass(frozen=True)
class Visitor:
    """Somebody outside who trusts the environment's authority."""

    baton: Any
    address: str
    trust: ssl.SSLContext

    def get(self, path: str = "/") -> tuple[int, str, str]:
        """(status, who served it, body) of one request over a connection of its own."""
        name = EXPECTED["https"]["server_name"]
        connected = self.baton.connect_outside(self.address, 443)
        assert isinstance(connected, socket.socket), connected
        connection = http.client.HTTPSConnection(name)
        with self.trust.wrap_socket(connected, server_hostname=name) as connection.sock:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.getheader("X-Served-By", ""), answer.read().decode()

    def page(self) -> str:
        """Who served the shop's page, with rows of the database in it."""
        status, server, body = self.get(EXPECTED["https"]["path"])
        assert (status, EXPECTED["https"]["contains"] in body) == (EXPECTED["https"]["status"], True), body
        return server

    def served_by(self, visits: int) -> Counter[str]:
        """How often each web server answered; every answer must be the page."""
        return Counter(self.page() for _ in range(visits))


@dataclass(frozen=True)
class Shop:
    """One environment of the example, by the command line."""

    baton: Any
    env: str

    @property
    def ref(self) -> str:
        return f"shop/{self.env}"

    @property
    def folder(self) -> Path:
        """Where its stacks, certificates and secrets are."""
        return Path(self.baton.home) / "environments" / "shop" / self.env

    def up(self, *more: str, check: bool = True) -> Any:
        return self.baton("up", EXAMPLE, "--env", self.env, "--json", *more, check=check, timeout=800)

    def stand(self) -> None:
        """Bring it up unless it is ready: so each test of a file may run alone."""
        phases = [line.get("phase") for line in self.baton("status", self.ref, "--json", check=False).lines]
        if phases != ["ready"]:
            self.up()

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.baton("status", self.ref, "--json").lines[0]
        return found

    def hosts(self) -> dict[str, dict[str, Any]]:
        return {host["name"]: host for host in self.baton("hosts", self.ref, "--json").lines}

    def on(self, host: str, command: str) -> str:
        """What a command says on a host; it must end well."""
        return str(self.baton("ssh", self.ref, host, "--", command).out)

    def visitor(self) -> Visitor:
        trust = ssl.create_default_context(cafile=self.folder / "ca.pem")
        return Visitor(self.baton, self.hosts()["lb-1"]["public_address"], trust)

    def running(self, *hosts: str) -> dict[str, str]:
        """Host → process ids and start times of its service: the same text means that nothing was restarted."""

        def look(host: str) -> str:
            command = f"for p in $(pgrep -f '{SERVICES[host]}'); do cut -d' ' -f1,22 /proc/$p/stat; done"
            return self.on(host, command).strip()

        found = {host: look(host) for host in hosts or SERVICES}
        assert all(found.values()), found
        return found

    def secret(self, name: str) -> str:
        """A secret that Baton made for it."""
        return str(json.loads((self.folder / "secrets.json").read_text())[name]["value"])


def configured(ran: Any) -> dict[str, set[str]]:
    """Configure step → ids of the hosts that it ran on, in one run."""
    found: dict[str, set[str]] = {}
    for key in ran.finished("configure"):
        step, _, ids = key.removeprefix("configure:").partition("@")
        found.setdefault(step, set()).update(ids.split(","))
    return found


@dataclass(frozen=True)
class Request:
    """One visit: when it began, and who served it, or what went wrong."""

    began: float
    server: str
    problem: str = ""


@contextmanager
def load(visitor: Visitor, *, per_second: int = 20, visitors: int = 4, limit: float = 600) -> Iterator[list[Request]]:
    """Visits from outside at a steady rate while the block runs, at most `limit` seconds; all of them, at its end."""
    over = threading.Event()
    made: list[Request] = []

    def visit() -> None:
        end = time.time() + limit
        while not over.is_set() and (began := time.time()) < end:
            try:
                made.append(Request(began, visitor.page()))
            except Exception as problem:  # whatever it is, the visitor did not get the page
                made.append(Request(began, "", f"{type(problem).__name__}: {problem}"))
            over.wait(max(0.0, began + visitors / per_second - time.time()))

    with ThreadPoolExecutor(visitors) as pool:
        going = [pool.submit(visit) for _ in range(visitors)]
        try:
            yield made
        finally:
            over.set()
            for one in going:
                one.result()
