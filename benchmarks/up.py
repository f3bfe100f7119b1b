"""The phases of `up`: from nothing, with nothing to do, and with one changed variable. Prints medians; asserts nothing.

    python benchmarks/up.py [RUNS]

Whole commands are timed from outside, phases by the run's own events. It works in a home of its own with a local cloud of its own
and takes all of it down again.
"""

import statistics
import sys
from collections.abc import Sequence

from benchmarks.support.home import PHASES, Timed, medians, own_home


def row(name: str, runs: Sequence[Timed]) -> str:
    """A line of medians, with the spread of the whole."""
    totals = [run.seconds for run in runs]
    cells = "".join(f"{seconds:10.1f}" for seconds in medians(runs).values())
    return f"{name:24}{statistics.median(totals):8.1f} ({min(totals):.1f}-{max(totals):.1f}){cells}"


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with own_home("minimal/dev") as home:
        first = home.start("examples/minimal")
        print(f"engine's server started within the first command: {first:.1f} s for `plan`, once")
        print(f"{'seconds (median)':24}{'whole':>8}{'':12}{''.join(f'{p:>10}' for p in PHASES)}")
        fresh, idle, changed = [], [], []
        for number in range(runs):
            fresh.append(home.baton("up", "examples/minimal", "--json"))
            idle.append(home.baton("up", "examples/minimal", "--json"))
            greeting = f"greeting=Hello {number}"
            changed.append(home.baton("up", "examples/minimal", "--json", "--input", greeting))
            home.baton("down", "minimal/dev", "--json")
        print(row("from nothing", fresh))
        print(row("nothing to do", idle))
        print(row("one variable changed", changed))
        print("phases overlap: hosts are awaited and configured while the apply still runs")


if __name__ == "__main__":
    main()
