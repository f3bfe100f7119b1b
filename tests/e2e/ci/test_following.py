"""Runs of deployments that a pipeline starts: each end has an exit code of its own, and Prefect's own `--watch` has not.

The deployments are small flows under the verbs' names: what is tested is how their ends are told, not what they do.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

ROOT = Path(__file__).resolve().parents[3]
PREFECT = str(Path(sys.executable).with_name("prefect"))
BATON = str(Path(sys.executable).with_name("baton"))

FLOWS = """
import os, signal, time
from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.flow_runs import suspend_flow_run
from prefect.states import Cancelled, Failed
from flows.following import note_exit_code

@flow(name="ends", persist_result=False)
def ends(how: str = "well", seconds: float = 0):
    log = get_run_logger()
    log.info("it begins: ::error::not a command")
    time.sleep(seconds)
    log.warning("it is over")
    if how == "badly":
        return Failed(message="it went wrong (try again)")
    if how == "locked":
        note_exit_code(flow_run.id, 5)
        return Failed(message="another run holds it")
    if how == "cancelled":
        return Cancelled(message="somebody asked")
    if how == "crashed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "waits":
        suspend_flow_run(timeout=600, key="k")
"""
DEPLOY = """
import pathlib
import ends
flow = ends.ends.from_source(source=str(pathlib.Path(__file__).parent), entrypoint="ends.py:ends")
flow.deploy(name="baton", work_pool_name="ci", print_next_steps=False)
"""


@dataclass
class Engine:
    environ: dict[str, str]
    directory: Path

    def run(self, *words: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.directory, env=self.environ, capture_output=True, text=True, timeout=timeout, check=False
        )

    def follow(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(BATON, "ci", "run", "ends", *words)

    def watch(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(PREFECT, "--no-prompt", "deployment", "run", "ends/baton", *words, "--watch")


@pytest.fixture
def engine(baton: Any, tmp_path: Path) -> Iterator[Engine]:
    """The resident server, a deployment that ends as it is told, and a process worker."""
    lines = baton("server", "env").out.splitlines()
    given = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    environ = baton.environ | {name: value.strip("'") for name, value in given.items()}
    environ |= {"PREFECT_WORKER_QUERY_SECONDS": "1", "DO_NOT_TRACK": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    one = Engine(environ, tmp_path)
    (tmp_path / "ends.py").write_text(FLOWS)
    (tmp_path / "deploy.py").write_text(DEPLOY)
    for words in (
        (PREFECT, "--no-prompt", "work-pool", "create", "ci", "--type", "process", "--overwrite"),
        (sys.executable, "deploy.py"),
    ):
        done = one.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    worker = subprocess.Popen(
        [PREFECT, "worker", "start", "--pool", "ci", "--type", "process"],
        cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield one
    finally:
        worker.terminate()
        try:
            worker.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait(10)


def test_each_end_has_its_code_and_the_log_is_followed(engine: Engine) -> None:
    for how, code, words in (
        ("well", 0, "ends"),
        ("badly", 1, "it went wrong (try again)"),
        ("locked", 5, "another run holds it"),
        ("cancelled", 130, "somebody asked"),
        ("crashed", 70, "crashed"),
        ("waits", 4, "waits for an answer"),
    ):
        done = engine.follow("-p", f"how={how}", "--timeout", "10m")
        assert done.returncode == code, f"{how}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert words in done.stdout + done.stderr
        if how != "crashed":  # what a process that is killed did not hand over is lost
            assert "it begins: ::error::not a command" in done.stderr
            assert "WARNING: it is over" in done.stderr
    late = engine.follow("-p", "how=well", "-p", "seconds=300", "--timeout", "20s", "--cancel")
    assert late.returncode == 124, late.stderr
    assert "asked to stop" in late.stderr


def test_a_job_that_is_stopped_lets_its_run_go_on_or_cancels_it(engine: Engine) -> None:
    with subprocess.Popen(
        [BATON, "ci", "run", "ends", "-p", "seconds=600", "--cancel"],
        cwd=engine.directory, env=engine.environ, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("== Running"):
                process.send_signal(signal.SIGTERM)
                break
        rest = process.stderr.read()
        assert process.wait(60) == 130
    assert "was asked to stop" in rest
    until = time.monotonic() + 300
    while "cancelled" not in (listed := engine.run(PREFECT, "flow-run", "ls", "--limit", "1").stdout.lower()):
        assert time.monotonic() < until, f"{rest}\n{listed}"
        time.sleep(2)


def test_prefects_own_watch_has_two_codes_for_six_ends(engine: Engine) -> None:
    """As docs/ci.md says it: 0 where it completed, else 1. One that suspends is watched until the time is over."""
    codes = {}
    for how, more in (
        ("well", ()),
        ("badly", ()),
        ("cancelled", ()),
        ("crashed", ()),
        ("waits", ("--watch-timeout", "60")),
    ):
        codes[how] = engine.watch("-p", f"how={how}", *more).returncode
    codes["late"] = engine.watch("-p", "seconds=120", "--watch-timeout", "15").returncode
    codes["unknown"] = engine.run(PREFECT, "--no-prompt", "deployment", "run", "nothing/baton", "--watch").returncode
    assert codes == {"well": 0, "badly": 1, "cancelled": 1, "crashed": 1, "waits": 1, "late": 1, "unknown": 1}
