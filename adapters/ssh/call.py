"""One call of ssh: bounded in time, stopped when the run is, its words kept."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lifecycle.errors import BatonError

KEPT: Final = 1 << 20  # bytes of each stream
FAILED: Final = 255  # ssh's own failures; anything else is the remote command's status
_LOOK_SECONDS: Final = 0.05
PROXY_SHELL: Final = "/bin/sh"
"""What ssh starts its proxy commands with. A bash that finds a socket as its input reads the user's ~/.bashrc, as for a login
over the network: whatever hangs, takes long or is said there would meet every connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How ssh ended."""

    status: int
    stdout: str
    stderr: str
    stopped: bool = False  # by the time limit or by the run

    @property
    def last_words(self) -> str:
        """The last line that says something, for a message."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else f"ssh ended with {self.status}"


def call(
    argv: Sequence[str], *, stdin: str = "", timeout: float = 20.0, cancelled: Callable[[], bool] = lambda: False
) -> Answer:
    """Run ssh and wait up to `timeout` seconds. A shared connection that it opens in the background goes on.

    Its output goes to files, not pipes: a connection in the background would hold a pipe open for as long as it lasts.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        try:
            process = subprocess.Popen(
                argv,
                stdin=given,
                stdout=out,
                stderr=err,
                env={**os.environ, "SHELL": PROXY_SHELL},
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise BatonError("there is no ssh on this machine", hint="apt-get install openssh-client") from error
        stopped = not _wait(process, timeout, cancelled)
        out.seek(0)
        err.seek(0)
        said, complained = (file.read(KEPT).decode(errors="replace") for file in (out, err))
    return Answer(process.returncode, said, complained, stopped)


def _wait(process: subprocess.Popen[bytes], timeout: float, cancelled: Callable[[], bool]) -> bool:
    """True when it ended by itself. Otherwise it is killed with everything in its process group."""
    deadline = time.monotonic() + timeout
    try:
        while time.monotonic() < deadline and not cancelled():
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_SECONDS)
                return True
        return False
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
