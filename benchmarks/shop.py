"""`baton up examples/shop` beside a plain script and beside Terraform with provisioners. Prints ratios; asserts nothing.

    python benchmarks/shop.py [RUNS]

The contenders (benchmarks/baselines) take turns on one local cloud, with the same modules, playbooks, roles and provider
mirror, each from nothing: no working directory, no `terraform init`, no keys. Each ends when its checks have passed. Taking
the shop down between the turns is not timed. The engine's server runs already when Baton's turn comes. On a machine with
other work trust the ratios, which compare within one round, and not the seconds; where the load (of the last minute) that
stands beside each turn differs much, not even those: CPU seconds then say more.
"""

import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence

from benchmarks.support.contenders import Contender, contenders
from benchmarks.support.home import PHASES, Timed, medians, own_home, spread

BASELINES = ("script", "provisioners")
Taken = Mapping[str, Sequence[Timed]]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    with own_home("shop/dev") as home:
        started = home.start("examples/shop")
        print(f"engine's server started within the first command: {started:.1f} s for `plan`, once; not counted below")
        taken: dict[str, list[Timed]] = defaultdict(list)
        known = contenders(home)
        try:
            for number in range(rounds):
                for name in _turn(list(known), number):
                    _round(name, known[name], taken)
        finally:
            for name in BASELINES:
                known[name].down()
        report(taken)


def _turn(names: list[str], number: int) -> list[str]:
    """Who follows whom changes from round to round."""
    at = number % len(names)
    return names[at:] + names[:at]


def _round(name: str, contender: Contender, taken: dict[str, list[Timed]]) -> None:
    """One contender's turn. Provisioners run when something is made, so there is nothing to compare afterwards."""
    steps = (
        {"from nothing": 2} if name == "provisioners" else {"from nothing": 2, "nothing to do": 2, "one more web": 3}
    )
    for what, count in steps.items():
        one = contender.up(count)
        taken[f"{what} {name}"].append(one)
        print(
            f"  {name}, {what}: {one.seconds:.1f} s, {one.cpu:.1f} s of CPU, load {os.getloadavg()[0]:.1f}", flush=True
        )
    contender.down()


def report(taken: Taken) -> None:
    """Seconds, ratios within each round, and Baton's phases."""
    for what in ("from nothing", "nothing to do", "one more web"):
        print(f"\n{what}: seconds, median (least-most)")
        for name in ("baton", *BASELINES):
            if runs := taken.get(f"{what} {name}"):
                cpu = spread([run.cpu for run in runs])
                print(f"  {name:14}{spread([run.seconds for run in runs]):24}CPU {cpu}")
        for name in BASELINES:
            if others := taken.get(f"{what} {name}"):
                print(f"  baton / {name:14}{_ratios(taken[f'{what} baton'], others)}")
        phases = medians(taken[f"{what} baton"])
        print("  baton's steps, summed (they overlap): " + ", ".join(f"{p} {phases[p]:.1f}" for p in PHASES))


def _ratios(ours: Sequence[Timed], theirs: Sequence[Timed]) -> str:
    pairs = [one.seconds / other.seconds for one, other in zip(ours, theirs, strict=True)]
    return f"{statistics.median(pairs):.2f} ({min(pairs):.2f}-{max(pairs):.2f})"


if __name__ == "__main__":
    main()
