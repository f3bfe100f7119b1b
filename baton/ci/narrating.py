"""A run as the log of a CI job: plain lines, in sections that the system folds, with annotations that it shows beside the code.

A log is read later and by machines: no line is ever written over.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Final

from baton import console
from baton.ci.surroundings import System
from baton.progress import plain_line, while_somebody_reads
from lifecycle.environment import Phase
from lifecycle.events import Event
from lifecycle.ports import EventSink

_SECTIONS: Final = ("run.started", "environment.phase")
_ENDS: Final = frozenset({Phase.READY, Phase.FAILED, Phase.QUARANTINED, Phase.DESTROYED})
"""Phases in which nothing more is told: a line, and no section."""
_COMMAND: Final = re.compile(r"^([ \t]*)(::|##\[)", re.MULTILINE)


def harmless(text: str) -> str:
    """The text without lines that GitHub would take for commands: what a tool says must not end a group or mask a word."""
    return _COMMAND.sub(r"\1| \2", text)


class Sections:
    """Sections of a log, one after the other. Where the system knows none, a heading."""

    def __init__(self, system: System, write: Callable[[str], None], now: Callable[[], float] = time.time) -> None:
        self._system, self._write, self._now = system, write, now
        self._number = 0
        self._open = ""

    def begin(self, heading: str) -> None:
        """End the section before, and begin one."""
        self.end()
        self._number += 1
        heading = " ".join(heading.split())
        self._open = f"baton_{self._number}"
        match self._system:
            case System.GITHUB:
                self._write(f"::group::{heading}")
            case System.GITLAB:
                self._write(f"\x1b[0Ksection_start:{int(self._now())}:{self._open}\r\x1b[0K{heading}")
            case System.OTHER:
                self._write(f"== {heading}")

    def end(self) -> None:
        """End the section that is open, if one is."""
        if self._open and self._system is System.GITHUB:
            self._write("::endgroup::")
        elif self._open and self._system is System.GITLAB:
            self._write(f"\x1b[0Ksection_end:{int(self._now())}:{self._open}\r\x1b[0K")
        self._open = ""


class Narration:
    """What was told of a run, and how long its steps took."""

    def __init__(self, system: System) -> None:
        self.seconds: dict[str, float] = {}  # step key → the last time that it ran
        self._lock = Lock()  # events come from several threads
        self._sections = Sections(system, write)

    def tell(self, event: Event) -> None:
        """Take one event."""
        with self._lock:
            if event.type == "step.finished":
                self.seconds[event.step] = float(event.data.get("seconds", 0))
            if event.data.get("phase") in _ENDS:
                self._sections.end()
                write(f"== {event.message}")
            elif event.type in _SECTIONS:
                self._sections.begin(event.message)
            else:
                plain_line(_safe(event))

    @contextmanager
    def view(self) -> Iterator[EventSink]:
        """A sink that tells; its last section ends with it."""
        try:
            yield while_somebody_reads(self.tell)
        finally:
            self._sections.end()


def _safe(event: Event) -> Event:
    data = {key: harmless(value) if isinstance(value, str) else value for key, value in event.data.items()}
    return replace(event, message=harmless(event.message), data=data)


def write(line: str) -> None:
    """One line of the log as it is: no markup, no breaking."""
    console.err.file.write(line + "\n")
    console.err.file.flush()
