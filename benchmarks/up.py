"""The phases of `up`: from nothing, with nothing to do, and with one changed variable. Prints medians; asserts nothing.

    python benchmarks/up.py [RUNS]

Whole commands are timed from outside, phases by the run's own events. It works in a home of its own with a local cloud of its own
and takes all of it down again.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BATON = str(Path(sys.executable).with_name("baton"))
PHASES = ("plan", "apply", "await", "configure", "verify")
Events = list[dict[str, Any]]


def baton(home: Path, *words: str) -> tuple[float, Events]:
    """Seconds that the command took, and the JSON lines it printed."""
    environ = os.environ | {"BATON_HOME": str(home)}
    begun = time.perf_counter()
    done = subprocess.run([BATON, *words], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    took = time.perf_counter() - begun
    if done.returncode != 0:
        sys.exit(f"baton {' '.join(words)} failed:\n{done.stdout}\n{done.stderr}")
    return took, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def phases(events: Events) -> dict[str, float]:
    """Seconds of each kind of step, summed over its steps."""
    found = dict.fromkeys(PHASES, 0.0)
    for event in events:
        kind = str(event.get("step", "")).partition(":")[0]
        if event["type"] == "step.finished" and kind in found:
            found[kind] += float(event["seconds"])
    return found


def row(name: str, runs: Iterable[tuple[float, Events]]) -> str:
    """A line of medians, with the spread of the whole."""
    taken = list(runs)
    totals = [t for t, _ in taken]
    each = [phases(events) for _, events in taken]
    cells = "".join(f"{statistics.median(p[k] for p in each):10.1f}" for k in PHASES)
    return f"{name:24}{statistics.median(totals):8.1f} ({min(totals):.1f}-{max(totals):.1f}){cells}"


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    home = Path(tempfile.mkdtemp(prefix="bb-"))
    try:
        baton(home, "cloud", "up")
        first, _ = baton(home, "plan", "examples/minimal", "--json")
        print(f"engine's server started within the first command: {first:.1f} s for `plan`, once")
        print(f"{'seconds (median)':24}{'whole':>8}{'':12}{''.join(f'{p:>10}' for p in PHASES)}")
        fresh, idle, changed = [], [], []
        for number in range(runs):
            fresh.append(baton(home, "up", "examples/minimal", "--json"))
            idle.append(baton(home, "up", "examples/minimal", "--json"))
            greeting = f"greeting=Hello {number}"
            changed.append(baton(home, "up", "examples/minimal", "--json", "--input", greeting))
            baton(home, "down", "minimal/dev", "--json")
        print(row("from nothing", fresh))
        print(row("nothing to do", idle))
        print(row("one variable changed", changed))
        print("phases overlap: hosts are awaited and configured while the apply still runs")
    finally:
        for words in (("down", "minimal/dev"), ("server", "stop"), ("cloud", "down")):
            subprocess.run(
                [BATON, *words], env=os.environ | {"BATON_HOME": str(home)}, capture_output=True, check=False
            )
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
