"""The engine's API as a browser asks it: plain HTTP, nothing of Prefect's client."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass(frozen=True)
class EngineApi:
    """`lines` of `baton server env` say where it is and with which password."""

    url: str
    auth: str

    @classmethod
    def of(cls, lines: Iterable[str]) -> "EngineApi":
        given = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        return cls(given["PREFECT_API_URL"].strip("'"), given["PREFECT_API_AUTH_STRING"].strip("'"))

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What it answers. Asked again while its database is busy, as whoever clicks does."""
        user, _, password = self.auth.partition(":")
        for pause in (1, 2, 4, 0):
            answer = httpx.request(method, f"{self.url}{path}", json=body, auth=(user, password), timeout=60)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(pause)
        answer.raise_for_status()
        return answer.json()

    def start(self, verb: str, parameters: Mapping[str, Any]) -> str:
        """A run of a verb's deployment; its id."""
        deployment = self.ask("GET", f"/deployments/name/{verb}/baton")
        made = self.ask("POST", f"/deployments/{deployment['id']}/create_flow_run", {"parameters": dict(parameters)})
        return str(made["id"])

    def run(self, run: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/flow_runs/{run}"))

    def until(self, run: str, wanted: Callable[[dict[str, Any]], bool], patience: float = 400) -> dict[str, Any]:
        """The run as soon as it is as wanted."""
        end = time.monotonic() + patience
        while not wanted(found := self.run(run)):
            assert time.monotonic() < end, (found["state"]["name"], found["state"]["message"])
            time.sleep(1)
        return found

    def suspended(self, run: str, keys: int = 1) -> str:
        """The key of the form that a run is suspended with for the so manieth time."""

        def asks(found: dict[str, Any]) -> bool:
            return found["state"]["type"] == "PAUSED" and len(found["empirical_policy"]["pause_keys"]) == keys

        return str(self.until(run, asks)["state"]["state_details"]["pause_key"])

    def ended(self, run: str) -> dict[str, Any]:
        return dict(
            self.until(run, lambda r: r["state"]["type"] in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED"))["state"]
        )

    def resume(self, run: str, values: Mapping[str, Any] | None) -> str:
        """`ACCEPT`, or why not."""
        answer = self.ask(
            "POST", f"/flow_runs/{run}/resume", {"run_input": dict(values) if values is not None else None}
        )
        return str(answer["status"]) if answer["status"] == "ACCEPT" else str(answer["details"]["reason"])


def processes_of(run: str) -> list[str]:
    """Ids of the processes that work on a flow run: its id is in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and run.encode() in (folder / "environ").read_bytes():
                found.append(folder.name)
        except OSError:  # ended, or another user's
            continue
    return found
