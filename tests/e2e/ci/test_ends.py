"""What `baton ci run` and Prefect's own `deployment run --watch` end with, for each end of a run.

The server and both commands are real. The runs' states and log lines are set through the server's API, as a worker and a
flow would set them: quick, and each end comes for certain. tests/e2e/ci/test_following.py has real flows do it.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(1800)

PREFECT = str(Path(sys.executable).with_name("prefect"))
BATON = str(Path(sys.executable).with_name("baton"))

SETTER = """
import sys, time
from datetime import datetime, timezone
from prefect import get_client
from prefect.client.schemas.actions import LogCreate
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running, Suspended

with get_client(sync_client=True) as client:
    flow = client.create_flow_from_name("ends")
    client.create_deployment(flow_id=flow, name="baton", enforce_parameter_schema=False)
    print("ready", flush=True)
    for line in sys.stdin:
        how = line.strip()
        while not (runs := [r for r in client.read_flow_runs() if r.state.is_scheduled()]):
            time.sleep(0.5)
        run = runs[0].id
        client.set_flow_run_state(run, Pending(), force=True)
        client.set_flow_run_state(run, Running(), force=True)
        now = datetime.now(timezone.utc)
        client.create_logs([
            LogCreate(name="prefect.flow_runs", level=20, message="it begins\\n::error::not a command", timestamp=now, flow_run_id=run),
            LogCreate(name="prefect.flow_runs", level=30, message="it is over", timestamp=now, flow_run_id=run),
        ])
        if how == "locked":
            client.update_flow_run_labels(run, {"baton.exit_code": 5})
        ends = {
            "well": Completed(message="all is well"), "badly": Failed(message="it went wrong (try again)"),
            "locked": Failed(message="another run holds it"), "cancelled": Cancelled(message="somebody asked"),
            "crashed": Crashed(message="its process is gone"), "waits": Suspended(timeout_seconds=600),
        }
        if how in ends:
            client.set_flow_run_state(run, ends[how], force=True)
        print("set", how, flush=True)
"""


@dataclass
class Ends:
    """The server, and a process that lets the next run end as it is told."""

    environ: dict[str, str]
    directory: Path
    setter: subprocess.Popen[str]

    def ending(self, how: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command that starts a run which ends so."""
        assert self.setter.stdin is not None
        assert self.setter.stdout is not None
        self.setter.stdin.write(f"{how}\n")
        self.setter.stdin.flush()
        done = subprocess.run(
            words, cwd=self.directory, env=self.environ, capture_output=True, text=True, timeout=600, check=False
        )
        assert self.setter.stdout.readline() == f"set {how}\n"
        return done


@pytest.fixture
def ends(baton: Any, tmp_path: Path) -> Iterator[Ends]:
    lines = baton("server", "env").out.splitlines()
    given = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    environ = baton.environ | {name: value.strip("'") for name, value in given.items()} | {"DO_NOT_TRACK": "1"}
    setter = subprocess.Popen(
        [sys.executable, "-c", SETTER],
        cwd=tmp_path, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert setter.stdout is not None
        assert setter.stdout.readline() == "ready\n"
        yield Ends(environ, tmp_path, setter)
    finally:
        setter.kill()
        setter.wait(30)
        for pipe in (setter.stdin, setter.stdout):
            if pipe is not None:
                pipe.close()


def test_each_end_has_a_code_of_its_own(ends: Ends) -> None:
    for how, code, words in (
        ("well", 0, "all is well"),
        ("badly", 1, "it went wrong (try again)"),
        ("locked", 5, "another run holds it"),
        ("cancelled", 130, "somebody asked"),
        ("crashed", 70, "its process is gone"),
        ("waits", 4, "waits for an answer"),
    ):
        done = ends.ending(how, BATON, "ci", "run", "ends", "-p", "a=1")
        assert done.returncode == code, f"{how}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert words in done.stdout + done.stderr
        assert "it begins\n| ::error::not a command\n" in done.stderr
        assert "WARNING: it is over\n" in done.stderr
    done = ends.ending("never", BATON, "ci", "run", "ends", "--timeout", "5s", "--cancel")
    assert done.returncode == 124, done.stderr
    assert "is running after 5s, and was asked to stop" in done.stderr


def test_prefects_own_watch_has_two_codes(ends: Ends) -> None:
    """As docs/ci.md says it."""
    words = (PREFECT, "--no-prompt", "deployment", "run", "ends/baton")
    for_an_end = (*words, "--watch", "--watch-timeout", "300")
    in_vain = (*words, "--watch", "--watch-timeout", "20")
    codes = {how: ends.ending(how, *for_an_end).returncode for how in ("well", "badly", "cancelled", "crashed")}
    codes |= {how: ends.ending(how, *in_vain).returncode for how in ("waits", "never")}
    codes["without --watch"] = ends.ending("badly", *words).returncode
    assert codes == {
        "well": 0,
        "badly": 1,
        "cancelled": 1,
        "crashed": 1,
        "waits": 1,
        "never": 1,
        "without --watch": 0,
    }
