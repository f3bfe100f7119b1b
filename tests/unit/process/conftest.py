"""What the tests of the supervisor share: tools to run, callers to kill, and looking at processes without sleeping."""

import os
import select
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SECONDS = 20.0


class Bench:
    """A folder with scripts; what they report comes through a FIFO, so that nobody has to poll."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fifo = folder / "reports"
        os.mkfifo(self.fifo)
        # Read and write: opening does not block, and there is no end of file while nobody writes.
        self._reports = os.open(self.fifo, os.O_RDWR)
        self._rest = b""
        self.callers: list[subprocess.Popen[bytes]] = []

    def script(self, name: str, body: str) -> Path:
        path = self.folder / f"{name}.py"
        path.write_text(PRELUDE.format(fifo=str(self.fifo)) + textwrap.dedent(body))
        return path

    def tool(self, name: str, body: str) -> list[str]:
        """The argument vector of a tool that runs this Python code; `report(words)` is there."""
        return [sys.executable, "-I", "-S", str(self.script(name, body))]

    def caller(self, body: str) -> subprocess.Popen[bytes]:
        """A process of its own that runs this Python code with the project importable."""
        path = self.script("caller", body)
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, str(path)], env=env, stdout=subprocess.PIPE, start_new_session=True)
        self.callers.append(process)
        return process

    def report(self) -> list[str]:
        """The next line that a script reported, in words."""
        while b"\n" not in self._rest:
            assert select.select([self._reports], [], [], SECONDS)[0], "no report came"
            self._rest += os.read(self._reports, 4096)
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode().split()

    def close(self) -> None:
        for caller in self.callers:
            caller.kill()
            caller.communicate(timeout=SECONDS)
        os.close(self._reports)


PRELUDE = """\
import os, signal, sys, time
_fd = os.open({fifo!r}, os.O_WRONLY)
def report(*words):
    os.write(_fd, (" ".join(map(str, words)) + "\\n").encode())
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def gone() -> Callable[[int], bool]:
    """Whether a process ends within a deadline (it is waited for, not polled)."""

    def ended(pid: int) -> bool:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            return bool(poll.poll(SECONDS * 1000))
        finally:
            os.close(handle)

    return ended
