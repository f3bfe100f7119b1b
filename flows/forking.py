"""A process that has imported everything, and becomes a flow run's process by a fork: at once, and with memory that they share.

A program of its own: `python -P -m flows.forking SOCKET PROGRAM`, kept by a worker (`ForkServer`). flows/forked.py, which the worker
starts in the place of a run's process, asks it over the socket for one, and stands for it from then on. It ends when its
standard input does (the worker is gone) and nothing that it made runs any more.
"""

import contextlib
import gc
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from flows import forked

ENGINE: Final = "prefect.engine"
IMPORTED: Final = (
    "prefect.flow_engine",
    "flows.plan",
    "flows.up",
    "flows.down",
    "flows.tick",
    "flows.rollback",
    "flows.starting",
)
STDIO: Final = 3
PATIENCE: Final = 10.0
"""Seconds that somebody who asks for a fork has to say it all."""


class ForkServer:
    """The worker's end: starts one, says by which command a run is started through it, and lets it go."""

    def __init__(self, program: str = ENGINE) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="baton-runs-"), "s")  # in a directory that is nobody else's
        words = [sys.executable, "-P", "-m", "flows.forking", str(self.path), program]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, process_group=0)

    @property
    def command(self) -> list[str] | None:
        """What stands for a run's process; None where there is no server (yet), and a run must be started in the plain way."""
        if self.process.poll() is not None or not self.path.exists():
            return None
        return [sys.executable, "-I", "-S", forked.__file__, str(self.path)]

    def command_for(self, environ: Mapping[str, str | None]) -> list[str] | None:
        """The same for a run with such an environment: what Python reads of it when it starts must be what the server read."""
        return self.command if _read_by_python(environ) == _read_by_python(os.environ) else None

    def close(self) -> None:
        """Let it end, after its last run."""
        assert self.process.stdin is not None
        self.process.stdin.close()


def _read_by_python(environ: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name: value for name, value in environ.items() if name.startswith("PYTHON") and name != "PYTHONSAFEPATH"}


class _Server:
    """Forks when it is asked to, and tells how what it made has ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(128)  # who asks before everything is imported waits
        self._look = selectors.DefaultSelector()
        self._runs: dict[int, tuple[socket.socket, int]] = {}  # who stands for it, a descriptor of its process
        self._kept = True

    def serve(self) -> dict[str, Any] | None:
        """Until the worker and every run are gone: None. In a fork: what its run needs, once, and it returns."""
        self._look.register(self._listening, selectors.EVENT_READ, self._fork)
        self._look.register(sys.stdin.fileno(), selectors.EVENT_READ, self._left)
        try:
            while self._kept or self._runs:
                for key, _ in self._look.select():
                    asked = key.data(key.fileobj)
                    if asked is not None:
                        return dict(asked)
            return None
        finally:
            self._listening.close()
            self._look.close()

    def end(self) -> None:
        shutil.rmtree(self._path.parent, ignore_errors=True)

    def _left(self, descriptor: int) -> None:
        """The worker is gone."""
        if not os.read(descriptor, 4096):
            self._look.unregister(descriptor)
            self._kept = False

    def _fork(self, listening: socket.socket) -> dict[str, Any] | None:
        client, _ = listening.accept()
        client.settimeout(PATIENCE)  # the others wait for whoever asks
        asked = forked.heard(client, STDIO)
        if asked is None:
            client.close()
            return None
        wanted, descriptors = asked
        try:
            pid = os.fork()
        except OSError as error:  # no memory, too many processes: that run does not begin
            sys.stderr.write(f"a run cannot be forked: {error}\n")
            pid = -1
        if pid == 0:
            self._shed(client)
            os.setsid()
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
                os.close(descriptor)
            return wanted
        for descriptor in descriptors:
            os.close(descriptor)
        if pid < 0:
            client.close()
            return None
        ended = os.pidfd_open(pid)
        self._runs[pid] = client, ended
        self._look.register(ended, selectors.EVENT_READ, lambda _: self._ended(pid))
        self._look.register(client, selectors.EVENT_READ, lambda _: self._unwanted(pid))
        forked.tell(client, pid)
        return None

    def _shed(self, client: socket.socket) -> None:
        """In a fork: what is the server's."""
        client.close()
        for other, descriptor in self._runs.values():
            other.close()
            os.close(descriptor)

    def _ended(self, pid: int) -> None:
        _, status = os.waitpid(pid, 0)
        client, descriptor = self._runs.pop(pid)
        self._look.unregister(descriptor)
        os.close(descriptor)
        with contextlib.suppress(KeyError):
            self._look.unregister(client)
        forked.tell(client, os.waitstatus_to_exitcode(status))
        client.close()

    def _unwanted(self, pid: int) -> None:
        """Who stood for it was killed, and with it what it stood for."""
        if pid not in self._runs:  # both at once, and the other was told first
            return
        self._look.unregister(self._runs[pid][0])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def main() -> int:
    """`python -P -m flows.forking SOCKET PROGRAM`; returns in every fork, too, once its program has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the worker
    server = _Server(Path(sys.argv[1]))
    for name in IMPORTED:
        import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a fork would write to every page that is shared
    wanted = server.serve()
    if wanted is None:
        server.end()
    else:
        _become(sys.argv[2], wanted)
    return 0


def _become(program: str, wanted: dict[str, Any]) -> None:
    """The program, as if it had been started with this environment in this directory."""
    from prefect.context import refresh_global_settings_context

    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(wanted["environ"])
    os.chdir(wanted["directory"])
    Path("/proc/self/comm").write_text(program)
    refresh_global_settings_context()
    sys.argv = [program]
    sys.modules.pop(program, None)
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.exit(main())
