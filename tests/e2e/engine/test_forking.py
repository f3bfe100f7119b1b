"""Runs that a worker starts as forks: they have the environment, the output, the signals and the end of a process of their own."""

import contextlib
import inspect
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.workers.base import BaseWorker
from prefect.workers.process import ProcessJobConfiguration

from flows.forked import LOST
from flows.forking import ForkServer

PROGRAM = """
import os, random, signal, sys, time
print("here", os.getcwd(), os.environ.get("GIVEN"), os.environ.get("KEPT"), sys.argv, random.random(), flush=True)
def stop(*_):
    print("asked", flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, stop)
open(os.environ["PIDS"], "a").write(f"{os.getpid()}\\n")
if os.environ.get("LASTS"):
    time.sleep(60)
sys.exit(int(os.environ.get("CODE", "0")))
"""


class Place:
    """A fork server whose runs are a small program, and a way to start one."""

    def __init__(self, folder: Path, server: ForkServer) -> None:
        self.folder, self.server = folder, server
        self.pids = folder / "pids"
        self.started: list[subprocess.Popen[str]] = []

    def start(self, **environ: str) -> "subprocess.Popen[str]":
        command = until(lambda: self.server.command)
        given = {"PATH": os.environ["PATH"], "PIDS": str(self.pids), **environ}
        self.pids.unlink(missing_ok=True)
        self.started.append(subprocess.Popen(command, cwd=self.folder, env=given, stdout=subprocess.PIPE, text=True))
        return self.started[-1]

    def pid(self) -> int:
        """The process of the run that was started last, once its program runs."""
        return int(until(lambda: self.pids.exists() and self.pids.read_text().split())[-1])

    def close(self) -> None:
        for one in self.started:
            one.kill()
            one.communicate(timeout=60)
        self.server.close()
        self.server.process.wait(60)


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.02)
    return found


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Place]:
    (folder / "little.py").write_text(PROGRAM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("KEPT", "by the server alone")
        server = ForkServer("little")
    place = Place(folder, server)
    try:
        yield place
    finally:
        place.close()
    assert not server.path.exists()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with serving(tmp_path_factory.mktemp("place")) as found:
        yield found


@pytest.fixture
def own_place(tmp_path: Path) -> Iterator[Place]:
    with serving(tmp_path) as found:
        yield found


def test_a_run_has_its_own_environment_directory_output_and_exit_code(place: Place) -> None:
    ones = [place.start(GIVEN="mine", CODE="3"), place.start(GIVEN="yours")]
    said = [one.communicate(timeout=60)[0].split() for one in ones]
    assert [one.returncode for one in ones] == [3, 0]
    assert [words[:5] for words in said] == [
        ["here", str(place.folder), given, "None", str([str(place.folder / "little.py")])]
        for given in ("mine", "yours")
    ]
    assert said[0][5] != said[1][5]  # each has random numbers of its own


def test_a_signal_to_what_stands_for_a_run_reaches_it(place: Place) -> None:
    run = place.start(LASTS="1")
    pid = place.pid()
    assert os.getsid(pid) == pid  # a Ctrl-C in the worker's terminal does not
    run.terminate()
    assert "asked" in run.communicate(timeout=60)[0]
    assert run.returncode == 7


def test_a_run_that_is_killed_is_told_so(place: Place) -> None:
    run = place.start(LASTS="1")
    os.kill(place.pid(), signal.SIGKILL)
    assert run.wait(60) == -signal.SIGKILL


def test_what_stands_for_a_run_takes_it_along_when_it_is_killed(place: Place) -> None:
    run = place.start(LASTS="1")
    pid = place.pid()
    run.kill()
    run.wait(60)
    until(lambda: gone(pid))


def test_the_server_outlives_its_worker_until_the_last_run_has_ended(own_place: Place) -> None:
    run = own_place.start(LASTS="1")
    pid = own_place.pid()
    own_place.server.close()
    with pytest.raises(subprocess.TimeoutExpired):
        own_place.server.process.wait(1)
    os.kill(pid, signal.SIGTERM)
    assert run.wait(60) == 7
    assert own_place.server.process.wait(60) == 0


def test_a_run_goes_on_where_the_server_dies_and_the_next_is_started_in_the_plain_way(own_place: Place) -> None:
    run = own_place.start(LASTS="1")
    pid = own_place.pid()
    own_place.server.process.kill()
    own_place.server.process.wait(60)
    assert own_place.server.command is None
    run.terminate()
    assert run.wait(60) == LOST
    assert gone(pid)
    own_place.server.path.unlink()  # the killed could not
    own_place.server.path.parent.rmdir()


def test_an_environment_in_which_python_itself_would_be_another_is_no_forks(place: Place) -> None:
    until(lambda: place.server.command)
    assert place.server.command_for({**os.environ, "PYTHONSAFEPATH": "1", "ANY": "thing"})
    assert place.server.command_for({**os.environ, "PYTHONPATH": "/elsewhere"}) is None


def test_what_our_worker_overrides_of_prefects_is_there() -> None:
    """Names that are Prefect's own affair: another version may call them otherwise, and nobody else would tell."""
    assert "_give_worker_labels_to_flow_run" in vars(BaseWorker)
    assert "_command_configured" in ProcessJobConfiguration.__private_attributes__
    assert "begin_transaction" in vars(AioSqliteConfiguration)
    assert "with_for_update" in inspect.signature(AioSqliteConfiguration.begin_transaction).parameters
