"""A home of its own with a local cloud of its own, and Baton's commands timed in it."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
BATON = str(Path(sys.executable).with_name("baton"))
PHASES = ("plan", "apply", "await", "configure", "verify")
Events = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Timed:
    """One command: what it took, and the JSON lines that it printed."""

    seconds: float
    cpu: float  # seconds of processor that it and everything below it used: the engine's server and the cloud are not below
    events: Events

    def phases(self) -> dict[str, float]:
        """Seconds of each kind of step, summed over its steps. Steps overlap, so the sum may be more than the whole."""
        found = dict.fromkeys(PHASES, 0.0)
        for event in self.events:
            kind = str(event.get("step", "")).partition(":")[0]
            if event["type"] == "step.finished" and kind in found:
                found[kind] += float(event["seconds"])
        return found


@dataclass(frozen=True, slots=True)
class Home:
    """Where Baton and the cloud keep everything."""

    path: Path

    def baton(self, *words: str) -> Timed:
        """Run a command. Ends the benchmark with what it said where it fails."""
        took = stopwatch()
        done = self._run(words)
        seconds, cpu = took()
        if done.returncode != 0:
            sys.exit(f"baton {' '.join(words)} failed:\n{done.stdout}\n{done.stderr}")
        return Timed(seconds, cpu, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")])

    def start(self, blueprint: str) -> float:
        """Start the cloud, and with a plan the engine's server; the seconds of that plan."""
        self.baton("cloud", "up")
        return self.baton("plan", blueprint, "--json").seconds

    def clear(self, environments: Sequence[str]) -> str:
        """Take everything down, whatever state it is in, and remove the home; what the cloud says of it."""
        for words in (*(("down", one) for one in environments), ("server", "stop")):
            self._run(words)
        said = self._run(("cloud", "down")).stdout.strip()
        shutil.rmtree(self.path, ignore_errors=True)
        return said

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        environ = os.environ | {"BATON_HOME": str(self.path)}
        return subprocess.run([BATON, *words], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


@contextmanager
def own_home(*environments: str) -> Iterator[Home]:
    """A home that is gone afterwards, with these environments; also when somebody ends the benchmark."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    home = Home(Path(tempfile.mkdtemp(prefix="bb-")))
    try:
        yield home
    finally:
        print(home.clear(environments), flush=True)


def stopwatch() -> Callable[[], tuple[float, float]]:
    """From now on: wall seconds, and processor seconds of the children that have ended."""
    begun, used = time.perf_counter(), os.times()

    def read() -> tuple[float, float]:
        now = os.times()
        cpu = now.children_user + now.children_system - used.children_user - used.children_system
        return time.perf_counter() - begun, cpu

    return read


def spread(values: Sequence[float]) -> str:
    """Median (least-most)."""
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def medians(runs: Sequence[Timed]) -> dict[str, float]:
    """The median of each phase."""
    each = [run.phases() for run in runs]
    return {phase: statistics.median(one[phase] for one in each) for phase in PHASES}
