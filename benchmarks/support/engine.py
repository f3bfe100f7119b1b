"""The engine as a benchmark sees it: its server's processor time, a worker, runs of a deployment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from adapters.settings import Settings
from baton import engine
from benchmarks.support import memory
from benchmarks.support.home import ROOT
from benchmarks.support.sampling import descendants

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Engine:
    """The resident server of a home. This process talks to it too."""

    keeper: int
    environ: dict[str, str]

    def cpu(self) -> float:
        """Seconds of processor that the server has used since it started."""
        return sum(_cpu(entry) for entry in descendants(self.keeper))

    def settled_cpu(self) -> float:
        """The same, once it has worked off what it was told: task runs are recorded after the fact."""
        before = self.cpu()
        while True:
            time.sleep(3)
            now = self.cpu()
            if now - before < 0.5:
                return now
            before = now

    def run(self, *words: str) -> None:
        """Run a command of Prefect's, or end the benchmark with what it said."""
        done = subprocess.run(words, cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)} failed:\n{done.stdout}\n{done.stderr}")

    @contextmanager
    def worker(self) -> Iterator[int]:
        """A worker as production has it, but that it asks every second, with the rehearsed flow deployed; its process id."""
        from flows.deploying import ensure_pool

        ensure_pool()
        self.run(sys.executable, "-c", _DEPLOY)
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", "flows.draining"],
            cwd="/",
            env=self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield worker.pid
        finally:
            worker.terminate()
            try:
                worker.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait(10)


_DEPLOY = f"""
from prefect import flow
one = flow.from_source(source={str(ROOT)!r}, entrypoint="benchmarks/support/rehearsed_flow.py:rehearsed")
one.deploy(name="baton", work_pool_name="baton", print_next_steps=False)
"""


@contextmanager
def running(home: Path) -> Iterator[Engine]:
    """The resident server of a home, and this process pointed at it. `own_home` stops it."""
    settings = Settings(home=home)
    engine.use(settings, lambda text: print(text, flush=True))
    server = engine.read(settings)
    assert server is not None
    os.environ.update({"PREFECT_WORKER_QUERY_SECONDS": "1", "PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "1"})
    yield Engine(server.pid, dict(os.environ))


def started(client: Any, parameters: dict[str, Any]) -> tuple[UUID, float]:
    """A run of the deployment, and when it was asked for (wall clock)."""
    from flows.client import start

    at = time.time()
    return start(client, "rehearse", parameters).id, at


def log_of(client: Any, run: UUID) -> list[str]:
    """The lines of a run's log."""
    from flows.following import Log

    return [text for _, _, text in Log(client, run).new()]


def recorded_tasks(client: Any, run: UUID) -> int:
    """Task runs of a run that the server has recorded."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    only = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    return len(client.read_task_runs(flow_run_filter=only, limit=200))


def flow_processes(worker: int) -> dict[int, float]:
    """Megabytes (PSS) of every flow process below a worker, by process id. What it starts to run a tool is not in it."""
    return {int(e.name): memory.pss(e) / 1024 for e in descendants(worker) if _name(e) == "prefect.engine"}


def _name(entry: Path) -> str:
    try:
        return (entry / "comm").read_text().strip()
    except OSError:
        return ""


def _cpu(entry: Path) -> float:
    try:
        parts = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(parts[11]) + int(parts[12])) / CLOCK_TICKS
