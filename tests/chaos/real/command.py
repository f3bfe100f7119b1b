"""One command that may be killed: started with a mark, its lines read as they come, with the second of each."""

import json
import os
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.real.kills import Kill, Trace
from tests.chaos.real.processes import MARK, deliver

Pointed = Callable[[str], str]
"""The kind of event that a line tells; empty for none."""


class Command:
    """Runs in a session of its own. `pointed` says what a line is; kills wait for it."""

    def __init__(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str], pointed: Pointed) -> None:
        self.mark = uuid.uuid4().hex
        self.lines: list[str] = []
        self.points: dict[str, float] = {}
        self._news = threading.Condition()
        self._pointed = pointed
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**env, MARK: self.mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.lines.append(line)
                if point := self._pointed(line):
                    self.points.setdefault(point, self.seconds)
                    self._news.notify_all()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def killed(self, kill: Kill, longest: float = 300) -> str:
        """Wait for the moment and kill; who got the signal, or nothing where the command ended before its moment came."""
        moment = kill.moment
        if moment.point:
            with self._news:
                while moment.point not in self.points and self.running and self.seconds < longest:
                    self._news.wait(0.1)
            if moment.point not in self.points:
                return ""
        due = self.points.get(moment.point, 0.0) + moment.seconds
        while self.running and self.seconds < due:
            time.sleep(min(0.05, max(0.0, due - self.seconds)))
        return deliver(kill.target, kill.way, self._process.pid, self.mark) if self.running else ""

    def ended(self, longest: float = 300) -> int | None:
        """Its exit code, negative for a signal; None where it does not end within this many seconds: then it was killed."""
        try:
            code = self._process.wait(max(1.0, longest - self.seconds))
        except subprocess.TimeoutExpired:
            os.kill(self._process.pid, 9)
            self._process.wait(30)
            return None
        self._reader.join(5)  # a child that outlives it may hold the pipe: what was said by then has to do
        return code

    @property
    def trace(self) -> Trace:
        return Trace(dict(self.points), self.seconds)

    @property
    def said(self) -> list[dict[str, Any]]:
        """The JSON objects among its lines."""
        with self._news:
            lines = [line for line in self.lines if line.startswith("{")]
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # cut off by a kill
        return found

    @property
    def last_words(self) -> str:
        """The end of what it said, for a report."""
        errors = [str(one.get("message")) for one in self.said if one["type"] == "error"]
        return "; ".join(errors) or " | ".join(line.strip()[:200] for line in self.lines[-4:])
