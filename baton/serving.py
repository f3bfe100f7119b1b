"""Serving: one worker for one home, its deployments, and what becomes of both when it is to end.

The worker is a program of its own (flows/worker.py) that hangs on a pipe: whoever held the other end is gone, so is it.
"""

import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from adapters import shipped
from adapters.settings import Settings, make_private
from baton import engine
from lifecycle.errors import BatonError

LOOK_EVERY: Final = 1.0
TOUCH_EVERY: Final = 60.0
"""Seconds between two signs of life for the resident server, which stops when nobody has used it for half an hour."""
PATIENCE: Final = 45.0
"""Seconds that a worker has to drain and end; it gives its runs thirty of them."""
Told = Mapping[str, Any]


class ServingFailed(BatonError):
    """The worker could not be started, or ended by itself."""


@contextmanager
def only_server(settings: Settings, told: Callable[[], Told]) -> Iterator[Told | None]:
    """None where we are the one who serves this home now, else what the one who does wrote down."""
    home = engine.engine_home(settings)
    make_private(home)
    with (home / "serve.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            try:
                yield dict(json.loads(file.read() or "{}"))
            except ValueError:
                yield {}
            return
        try:
            file.truncate(0)
            file.write(json.dumps(dict(told())))
            file.flush()
            yield None
        finally:
            file.truncate(0)


class Serving:
    """A running worker. What it tells goes to `hear`, a mapping at a time."""

    def __init__(self, settings: Settings, hear: Callable[[Told], None]) -> None:
        self._settings, self._hear = settings, hear
        self._rest = b""
        self._reader, writer = os.pipe()
        self.log = engine.engine_home(settings) / "worker.log"
        start = settings.home / "start"
        make_private(start)
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "flows.worker", str(shipped.prefect_file()), str(writer)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(writer,),
                cwd=start,
                env=_variables(os.environ),
                start_new_session=True,
            )
        finally:
            os.close(log)
            os.close(writer)

    def follow(self, stopped: Callable[[], int]) -> int:
        """Hear what the worker tells until it ends; `stopped` says how often we were asked to stop. Its exit code."""
        asked, touched = 0, 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(self._reader, selectors.EVENT_READ)
            while True:
                if stopped() > asked:
                    asked += 1
                    self.ask(hurry=asked > 1)
                if time.monotonic() - touched > TOUCH_EVERY:
                    touched = time.monotonic()
                    engine.touch(self._settings)
                if selector.select(LOOK_EVERY) and not self._read():
                    return self.process.wait(PATIENCE)

    def ask(self, *, hurry: bool = False) -> None:
        """Ask the worker to drain and to end; in a hurry it does not wait for its runs.

        One wish, one word: a signal beside the end of its input would be the second, which means hurry.
        """
        assert self.process.stdin is not None
        with suppress(OSError):
            if hurry:
                self.process.send_signal(signal.SIGTERM)
            else:
                self.process.stdin.close()

    def close(self) -> None:
        """Nothing of it is left when this returns."""
        if self.process.poll() is None:
            self.ask()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()
        os.close(self._reader)

    def _read(self) -> bool:
        """Take what was written. False at its end."""
        data = os.read(self._reader, 1 << 16)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._hear(json.loads(line))
        return bool(data)


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The worker's environment, which its runs inherit: nothing is imported from the folder that they start in."""
    return {
        **environ,
        "PYTHONSAFEPATH": "1",
        "PREFECT_WORKER_QUERY_SECONDS": environ.get("PREFECT_WORKER_QUERY_SECONDS", "1"),
        "PREFECT_CLIENT_MAX_RETRIES": "5",  # a server at its limit answers 503; a worker has time
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
    }


def last_words(log: Path) -> str:
    """The last line of a worker's log that says anything."""
    with suppress(OSError):
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""
    return ""
