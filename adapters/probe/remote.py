"""Hosts as places to look from: commands on them, over one shared ssh connection per host.

The first use of a host opens the connection, unless somebody in the run already has (ControlMaster with ControlPersist);
everything after goes through it. A command that hangs is ended on the host by `timeout` where the host has it (coreutils,
busybox), so that neither a slow check nor a killed Baton leaves processes there.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import selectors
import shlex
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from adapters.probe.dialer import VantageLost
from adapters.probe.look import Budget
from lifecycle.inventory import Host
from lifecycle.ssh_options import SshPaths, host_argv

OUTPUT_LIMIT: Final = 1 << 20
"""Bytes of a command's stdout, and of its stderr, that are kept."""
AT_ONCE: Final = 8
"""Commands at a time on one host: sshd allows 10 sessions in one connection (MaxSessions)."""
_ENVIRONMENT: Final = ("PATH", "HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command on a host ended."""

    exit: int
    stdout: str
    stderr: str


class _Shared:
    """What everything that goes to one host shares."""

    def __init__(self) -> None:
        self.opening = threading.Lock()
        self.sessions = threading.BoundedSemaphore(AT_ONCE)
        self.opened = False


class Remote:
    """Hosts and their shared connections, for one run. Thread-safe. The connections end with the directory of the paths."""

    def __init__(self, paths: SshPaths) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._hosts: dict[str, _Shared] = {}

    def run(self, host: Host, script: str, budget: Budget, *, become: bool = False) -> Ran:
        """Run a shell script on a host as its login user, or as root by sudo. Its stdin is empty.

        The script travels on ssh's stdin: it is in no argument list. Raises VantageLost when the host could not be
        logged in to, OutOfTime or TimeoutError when the budget is used up.
        """
        self.open(host, budget)
        sessions = self._shared(host).sessions
        if not sessions.acquire(timeout=budget.left()):
            raise TimeoutError
        try:
            return self._run(host, script, budget, become)
        finally:
            sessions.release()

    def open(self, host: Host, budget: Budget) -> bool:
        """Make sure, once, that there is a connection to share. False where none is to be shared."""
        shared = self._shared(host)
        if not self._paths.control_path(host):
            return False
        if not shared.opened:
            if not shared.opening.acquire(timeout=budget.left()):
                raise TimeoutError
            try:
                if not shared.opened:
                    self._run(host, "true", budget, become=False)
                    shared.opened = True
            finally:
                shared.opening.release()
        return True

    def argv(self, host: Host, budget: Budget, *options: str) -> list[str]:
        """ssh to the host with these options before all others (ssh takes the first value of each)."""
        ssh, *rest = host_argv(host, self._paths, connect_timeout=max(1, math.ceil(budget.left())))
        return [ssh, *options, *rest]

    def _shared(self, host: Host) -> _Shared:
        with self._lock:
            return self._hosts.setdefault(f"{host.identity} {host.connection}", _Shared())

    def _run(self, host: Host, script: str, budget: Budget, become: bool) -> Ran:
        mark = (
            f"baton-{secrets.token_hex(8)}\n"  # what comes before it was said by a login shell; without it nothing ran
        )
        process = subprocess.Popen(
            [*self.argv(host, budget), _shell(budget.left(), become)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with process, budget.ending(process.kill):
            try:
                stdout, stderr = _converse(process, f"echo {mark}{{\n{script}\n}} </dev/null\n", budget)
                code = process.wait(budget.left())
            except subprocess.TimeoutExpired:
                raise TimeoutError from None
            finally:
                process.kill()  # does nothing when it has ended
        before, ran, output = stdout.partition(mark)
        if not ran:
            raise VantageLost(
                f"nothing can be run on {host.name}: {last_words(stderr or before) or f'ssh ended with {code}'}"
            )
        return Ran(code, output, stderr)


def environment() -> dict[str, str]:
    """What ssh needs of ours, and messages in English."""
    return {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | {"LC_ALL": "C"}


def last_words(stderr: str) -> str:
    """The end of what ssh said, without its debugging, in one line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("debug")]
    return "; ".join(lines[-2:])[-300:]


def _shell(seconds: float, become: bool) -> str:
    """The remote command line: a shell that reads its script from stdin and is ended when its time is over."""
    script = f"command -v timeout >/dev/null 2>&1 && exec timeout -k 1 {math.ceil(seconds)} /bin/sh -s; exec /bin/sh -s"
    return f"exec {'sudo -n ' if become else ''}/bin/sh -c {shlex.quote(script)}"


def _converse(process: subprocess.Popen[bytes], text: str, budget: Budget) -> tuple[str, str]:
    """Write the text, read both outputs until the process has ended; of each the first OUTPUT_LIMIT bytes are kept."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    unsent = memoryview(text.encode())
    outputs = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    os.set_blocking(process.stdin.fileno(), False)
    with reading(process, *outputs) as ready:
        ready.register(process.stdin, selectors.EVENT_WRITE)
        ended = False
        while not ended:
            for key, _ in ready.select(budget.left()):
                if key.fileobj is process.stdin:
                    unsent = _send(process.stdin, unsent)
                    if not unsent:
                        ready.unregister(process.stdin)
                        process.stdin.close()
                elif key.fd in outputs:
                    if not _take(key.fd, outputs[key.fd]):
                        ready.unregister(key.fd)
                else:
                    ended = True
    for pipe, kept in outputs.items():  # what came between the last look and the end
        while _take(pipe, kept):
            pass
    stdout, stderr = (bytes(kept).decode(errors="replace") for kept in outputs.values())
    return stdout, stderr


@contextlib.contextmanager
def reading(process: subprocess.Popen[bytes], *pipes: int) -> Iterator[selectors.DefaultSelector]:
    """A selector over these pipes and the end of the process (anything else that it reports).

    The end of a pipe is no end of the process, nor the other way round: a shared connection in the background, or the
    proxy command below it, may hold the pipe for as long as it lasts.
    """
    exited = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as ready:
            for pipe in pipes:
                os.set_blocking(pipe, False)
                ready.register(pipe, selectors.EVENT_READ)
            ready.register(exited, selectors.EVENT_READ)
            yield ready
    finally:
        os.close(exited)


def _take(pipe: int, kept: bytearray) -> bool:
    """Read what there is; False when there is nothing (now, or ever)."""
    try:
        data = os.read(pipe, 65536)
    except BlockingIOError:
        return False
    kept += data[: OUTPUT_LIMIT - len(kept)]
    return bool(data)


def _send(pipe: IO[bytes], data: memoryview) -> memoryview:
    """What is left to send; nothing when the reader is gone."""
    try:
        return data[os.write(pipe.fileno(), data[:65536]) :]
    except BrokenPipeError:
        return data[:0]
