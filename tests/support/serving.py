"""A running `baton serve`, and the engine's API as somebody else sees it."""

import base64
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PREFECT = str(Path(sys.executable).with_name("prefect"))
UNTIL_IT_SERVES = 300.0
"""Seconds. Thirty on a quiet machine."""


@dataclass
class Served:
    """`baton serve --json` with the lines that it has printed."""

    baton: Any
    process: "subprocess.Popen[str]"
    lines: list[dict[str, Any]] = field(default_factory=list)
    came: "queue.Queue[str | None]" = field(default_factory=queue.Queue)

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = UNTIL_IT_SERVES) -> dict[str, Any]:
        """The first line that is wanted. Raises AssertionError with everything that came instead."""
        until = time.monotonic() + seconds
        while True:
            try:
                line = self.came.get(timeout=max(0.1, until - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not within {seconds:.0f} s; it said {self.lines}") from None
            assert line is not None, f"it ended with {self.process.wait(30)}; it said {self.lines}"
            if line.startswith("{"):
                self.lines.append(json.loads(line))
                if wanted(self.lines[-1]):
                    return self.lines[-1]

    def api(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """An answer of the engine's API."""
        server = json.loads((self.baton.home / "engine/server.json").read_text())
        credentials = base64.b64encode(server["auth"].encode()).decode()
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
        request = urllib.request.Request(server["url"] + path, data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def run(self, verb: str, **parameters: Any) -> str:
        """Ask for a run of a deployment; its id."""
        deployment = self.api(f"/deployments/name/{verb}/baton")
        return str(self.api(f"/deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})["id"])

    def state(self, run: str) -> dict[str, Any]:
        return dict(self.api(f"/flow_runs/{run}")["state"])

    def prefect(self, *words: str, timeout: float = 600) -> "subprocess.CompletedProcess[str]":
        """Prefect's own command line, as `eval "$(baton server env)"` points it at the server."""
        lines = self.baton("server", "env").out.splitlines()
        given = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        environ = self.baton.environ | {name: value.strip("'") for name, value in given.items()}
        argv = [PREFECT, "--no-prompt", *words]
        return subprocess.run(argv, cwd=self.baton.directory, env=environ, capture_output=True, text=True, timeout=timeout, check=False)  # fmt: skip

    def interrupt(self) -> tuple[int, float]:
        """Ctrl-C: (exit code, seconds until it had ended)."""
        began = time.monotonic()
        os.kill(self.process.pid, signal.SIGINT)
        return self.process.wait(120), time.monotonic() - began

    @property
    def workers(self) -> list[int]:
        """Process ids of the workers that serve this home."""
        return [
            pid for pid, words in processes() if "flows.worker" in words and str(self.baton.home) in environment(pid)
        ]


def processes() -> Iterator[tuple[int, list[str]]]:
    """Every process with its command line."""
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            with contextlib.suppress(OSError):
                yield int(place.name), (place / "cmdline").read_text(errors="replace").split("\0")


def environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace")
    except OSError:
        return ""


@contextlib.contextmanager
def serving(baton: Any, *words: str) -> Iterator[Served]:
    """`baton serve` until the block ends; its verbs are deployed when it begins."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("baton")), "serve", "--json", *words],
        cwd=baton.directory,
        env=baton.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    served = Served(baton, process)

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            served.came.put(line)
        served.came.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        served.wait_for(lambda line: line["type"] == "serving")
        yield served
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(90)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reader.join(10)
        assert process.stdout is not None
        process.stdout.close()
