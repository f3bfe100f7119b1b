"""The processes of one command, found by a mark in their environment that all of its children inherit, and how they are killed."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.real.kills import Target, Way

MARK = "CHAOS_MARK"
LOOK = 0.2
"""Seconds between two looks at /proc."""
ROUNDS = 20
"""How often "all" is repeated for SIGKILL: what is being forked escapes the first look."""


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    words: tuple[str, ...]

    @property
    def is_terraform(self) -> bool:
        return Path(self.words[0]).name == "terraform"

    @property
    def is_ansible(self) -> bool:
        return any(Path(word).name == "ansible-playbook" for word in self.words[:3])

    @property
    def is_supervisor(self) -> bool:
        return any(word.endswith("process/supervisor.py") for word in self.words[:5])

    def __str__(self) -> str:
        return f"{self.pid} {' '.join(self.words)[:120]}"


def marked(mark: str) -> list[Process]:
    """Who carries the mark and has not ended, oldest number first."""
    return sorted(_marked(f"{MARK}={mark}".encode()), key=lambda p: p.pid)


def _marked(entry: bytes) -> Iterator[Process]:
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if entry in (path / "environ").read_bytes().split(b"\0"):
                words = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if words[0]:
                    yield Process(int(path.name), tuple(words))
        except OSError:
            continue


def deliver(target: Target, way: Way, run: int, mark: str, patience: float = 2.0) -> str:
    """Send the signals; who got them, for the table. A target that does not turn up within `patience` seconds is none: the run
    gets it instead. Looks at the numbers right before it kills, and sends to what carries the mark alone."""
    chosen = _chosen(target, run, mark, patience)
    for number, name in enumerate(way.value.split("-")):
        if number:
            time.sleep(1.0 if way is Way.INT_TWICE else 3.0)
        for pid in chosen():
            _send(pid, signal.Signals[f"SIG{name}"])
    if target is Target.ALL and way is Way.KILL:
        for _ in range(ROUNDS):
            for pid in chosen():
                _send(pid, signal.SIGKILL)
    return chosen.who


class _Chosen:
    def __init__(self, who: str, pids: Callable[[], list[int]]) -> None:
        self.who, self._pids = who, pids

    def __call__(self) -> list[int]:
        return self._pids()


def _chosen(target: Target, run: int, mark: str, patience: float) -> _Chosen:
    if target is Target.ALL:
        return _Chosen("all", lambda: [p.pid for p in marked(mark)])
    until = time.monotonic() + patience
    while target is not Target.RUN and time.monotonic() < until:
        for process in marked(mark):
            if target is Target.SUPERVISOR and process.is_supervisor:
                return _Chosen("supervisor", lambda one=process.pid: [one])  # type: ignore[misc]
            if target is Target.TOOL and (process.is_terraform or process.is_ansible):
                who = "terraform" if process.is_terraform else "ansible"
                return _Chosen(who, lambda one=process.pid: [one])  # type: ignore[misc]
        time.sleep(0.02)
    return _Chosen("run", lambda: [run])


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


class Farewell:
    """Watches in the background until nobody carries the mark any more, and kills who is left unless `merciful`."""

    def __init__(self, mark: str, patience: float, *, merciful: bool = False) -> None:
        self.left: list[Process] = []
        self.seconds = 0.0
        self._mark, self._patience, self._merciful = mark, patience, merciful
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def wait(self) -> "Farewell":
        """Over once all are gone or the patience is. Who was left then is in `left`."""
        self._thread.join()
        return self

    def _watch(self) -> None:
        began = time.monotonic()
        while (left := marked(self._mark)) and time.monotonic() - began < self._patience:
            time.sleep(LOOK)
        self.seconds, self.left = time.monotonic() - began, left
        for process in () if self._merciful else left:
            _send(process.pid, signal.SIGKILL)
