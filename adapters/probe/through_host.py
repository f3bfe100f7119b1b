"""Dialling from a host: `ssh -W` over one end of a socket pair. The ssh process ends with the other end.

ssh says nothing on success, so its log is read (LogLevel DEBUG2, its own stderr only): `open confirm`, or `master session
id` through a shared connection. A shared connection does not say why it failed (mux.c: "Session open refused by peer" for
everything), so a failed dial is asked again once over a connection of its own, which does.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
from dataclasses import dataclass
from typing import Final

from adapters.probe.dialer import DialFailed, Filtered, Link, NameUnknown, Refused, Unreachable, VantageLost, target
from adapters.probe.look import Budget, OutOfTime
from adapters.probe.remote import Remote, environment, last_words, reading
from lifecycle.inventory import Host

DIALLING: Final = 0.7
"""Share of the time in which a dial may succeed. The rest is for making sure that the host itself still answers: a silent
port is filtered, but through a host that died everything is silent."""

_CONNECTED: Final = re.compile(r"channel \d+: open confirm|: master session id: ")
_LOGGED_IN: Final = re.compile(r"^Authenticated to ", re.MULTILINE)
_NOT_SAID: Final = "Session open refused by peer"
_OPEN_FAILED: Final = re.compile(r"^channel \d+: open failed: (.*?)\r?$", re.MULTILINE)
_REASONS: Final[tuple[tuple[str, type[DialFailed]], ...]] = (
    ("administratively prohibited", VantageLost),  # AllowTcpForwarding no, PermitOpen
    ("refused", Refused),
    ("timed out", Filtered),
    ("No route", Unreachable),
    ("unreachable", Unreachable),
    ("not known", NameUnknown),
    ("name resolution", NameUnknown),
    ("No address associated", NameUnknown),
)


class _NotSaid(Exception):
    """The dial failed, and the shared connection does not say why."""


@dataclass(frozen=True, slots=True)
class ThroughHost:
    """Dials from a host, through its shared connection where there is one."""

    remote: Remote
    host: Host

    def dial(self, address: str, port: int, timeout: float) -> Link:
        budget = Budget(timeout)
        try:
            if self.remote.open(self.host, budget):
                with contextlib.suppress(_NotSaid):
                    return self._shared(address, port, Budget(budget.left() * DIALLING), budget)
            return self._forward(address, port, budget, "ControlPath=none")
        except (OutOfTime, TimeoutError):
            raise VantageLost(f"logging in to {self.host.name} took longer than {timeout:g} s") from None

    def _shared(self, address: str, port: int, dialling: Budget, budget: Budget) -> Link:
        try:
            return self._forward(address, port, dialling, "ControlMaster=no")
        except Filtered:
            self.remote.run(self.host, "true", budget)  # raises when it is the host that is silent
            raise

    def _forward(self, address: str, port: int, budget: Budget, sharing: str) -> Link:
        where = target(address, port)
        argv = self.remote.argv(self.host, budget, "-o", "LogLevel=DEBUG2", "-o", sharing, "-W", where)
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = subprocess.Popen(
                    argv,
                    env=environment(),
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        link = Link(ours, lambda: _end(process))
        try:
            self._await(process, where, budget, shared=sharing == "ControlMaster=no")
            ours.settimeout(budget.left())
        except BaseException:
            link.close()
            raise
        return link

    def _await(self, process: subprocess.Popen[bytes], where: str, budget: Budget, *, shared: bool) -> None:
        """Read ssh's log until it says that the connection stands. Raises what else it says."""
        assert process.stderr is not None
        log, pipe = "", process.stderr.fileno()
        with reading(process, pipe) as ready:
            while not _CONNECTED.search(log):
                try:
                    if not ready.select(budget.left()):
                        continue
                except OutOfTime:
                    if shared or _LOGGED_IN.search(log):
                        raise Filtered(f"{where} did not answer {self.host.name} in time (filtered)") from None
                    raise
                if not (said := _read(pipe)):
                    raise self._failure(log, where)
                log += said

    def _failure(self, log: str, where: str) -> Exception:
        if _NOT_SAID in log:
            return _NotSaid()
        said = _OPEN_FAILED.search(log)
        if said is None or not _LOGGED_IN.search(log):  # without a login it is about a jump on the way
            return VantageLost(
                f"{self.host.name} cannot be logged in to: {last_words(log) or 'ssh ended without a word'}"
            )
        kind = next((kind for words, kind in _REASONS if words in said[1]), DialFailed)
        if kind is VantageLost:
            return VantageLost(f"{self.host.name} does not allow forwarded connections: {said[1]}")
        return kind(f"{where} {kind.word} from {self.host.name} ({said[1].removeprefix('connect failed: ')})")


def _read(pipe: int) -> str:
    """What a pipe that does not block holds now; empty when it holds nothing more."""
    try:
        return os.read(pipe, 65536).decode(errors="replace")
    except BlockingIOError:
        return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """ssh ends by itself when its socket is closed; it is not given time to think about it."""
    process.terminate()
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stderr:
        process.stderr.close()
