"""What every run said, one file per run: JSON lines, masked already, readable by their owner only.

    <home>/runs/<blueprint>/<environment>/<run>.jsonl

The files stay on the machine where the run worked. They are for reading, never for deciding: the journal is the memory.
"""

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any

from lifecycle.environment import EnvironmentRef
from lifecycle.events import Event, Level
from lifecycle.ports import EventSink

KEPT = 50
"""Runs whose logs are kept, per environment."""


class RunLog:
    """A sink that writes events to the file of their run. The run's number comes with its first event, `run.started`.

    A log that cannot be written ends no run: `other` is told once, with `log.lost`, and what comes while there is no room is lost.
    """

    def __init__(self, home: Path, ref: EnvironmentRef, other: EventSink = lambda _: None) -> None:
        self._directory = directory(home, ref)
        self._other, self._lost = other, False
        self._lock = threading.Lock()
        self._file: FileIO | None = None

    def __call__(self, event: Event) -> None:
        with self._lock:
            lost = ""
            try:
                self._write(event)
            except OSError as error:
                lost = "" if self._lost else f"the log of this run cannot be written: {error.strerror}; the run goes on"
                self._lost = True
        if lost:
            self._say("log.lost", lost, event)

    def _say(self, type: str, message: str, at: Event) -> None:
        self._other(replace(at, type=type, message=message, step="", level=Level.WARNING, data={}))

    def _write(self, event: Event) -> None:
        if event.type == "run.started":
            self._open(int(event.data.get("run", 0)))
        if self._file is not None:
            self._file.write((json.dumps(_fields(event), ensure_ascii=False, default=str) + "\n").encode())

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _open(self, run: int) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._directory / f"{run}.jsonl"
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb", buffering=0)
        for old in sorted(self._directory.glob("*.jsonl"), key=_number)[:-KEPT]:
            with contextlib.suppress(OSError):
                old.unlink()


def directory(home: Path, ref: EnvironmentRef) -> Path:
    return home / "runs" / ref.blueprint / ref.name


def runs(home: Path, ref: EnvironmentRef) -> list[int]:
    """Numbers of the runs whose logs are here, oldest first."""
    return sorted(_number(path) for path in directory(home, ref).glob("*.jsonl"))


def read(home: Path, ref: EnvironmentRef, run: int) -> Iterator[Mapping[str, Any]]:
    """The events of a run: {at, type, message, step, level, data}. A line that a kill cut off is passed over."""
    with (directory(home, ref) / f"{run}.jsonl").open(encoding="utf-8") as file:
        for line in file:
            with contextlib.suppress(ValueError):
                yield json.loads(line)


def _number(path: Path) -> int:
    return int(path.stem) if path.stem.isdecimal() else -1


def _fields(event: Event) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "type": event.type,
        "message": event.message,
        "step": event.step,
        "level": event.level.value,
        "data": dict(event.data),
    }
