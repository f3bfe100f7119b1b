"""Kills real runs on the local cloud at every kind of event and at random, runs them again, and compares the ends.

    python -m tests.chaos.real [--minutes 15] [--seed N] [--lanes 2] [--kills TEXT] [--baselines MINUTES]

Exit code 0 only where everything was right. docs/chaos.md says what is compared and how a failure is repeated.
"""

import argparse
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.chaos.real import table
from tests.chaos.real.ground import Ground, ground
from tests.chaos.real.kills import Chance, Kill, Kills, Trace, read
from tests.chaos.real.lifetime import PHASES, Hit, Lifetime, Lived, Phase, Undisturbed
from tests.chaos.real.others import ROOTS, Baseline, Trial, translated

EACH: Mapping[str, int] = {"up": 8, "more": 6, "word": 5, "less": 5, "down": 5}
"""Kills in each phase of a lifetime, at most: one that comes through before its kill's moment has none."""
RESERVE = 0.22
"""The part of the budget that is left when the killing ends: for the runs that are to come through, and what is compared."""
LEAST = 40
"""Kills in fifteen minutes; fewer show nothing."""
TRIAL = 60
"""Seconds that a baseline's trial takes, about: none is begun later."""


def main() -> int:
    options = _options()
    with ground() as place:
        _say(f"seed {options.seed}, {options.minutes} minutes, load {os.getloadavg()[0]:.1f}", table.HEAD)
        if options.kills:
            return _repeat(place, read(options.kills))
        learned = Undisturbed()
        lives = _kill(place, options, learned) if options.minutes else [_learn(place, learned, PHASES[:1])]
        _say("", *table.totals(lives), "")
        trials = _others(place, options, learned) if options.baselines else []
    return _report(options, lives, trials)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description="Real kills on the local cloud.")
    parser.add_argument("--minutes", type=float, default=15, help="budget for Baton's kills; 0: the baselines alone")
    parser.add_argument("--seed", type=int, default=0, help="default: the second of the day")
    parser.add_argument("--lanes", type=int, default=3, help="environments at a time")
    parser.add_argument("--kills", default="", help="one lifetime with these kills, as a failure prints them")
    parser.add_argument("--baselines", type=float, default=4, help="minutes for the others; 0: without them")
    options = parser.parse_args()
    options.seed = options.seed or int(time.time()) % 86400
    return options


def _repeat(place: Ground, kills: Kills) -> int:
    lived = Lifetime(place, 1, lambda phase: kills.get(phase, ()), heard=_hear).live()
    _tell(lived)
    _say(*lived.log)
    return 0 if table.right(lived) else 1


def _learn(place: Ground, learned: Undisturbed, phases: tuple[Phase, ...] = PHASES) -> Lived:
    """A lifetime that nobody disturbs. Where even that is wrong, nothing else needs to be tried."""
    try:
        lived = Lifetime(place, 0).live(phases, told=learned)
    finally:
        learned.over()
    _tell(lived)
    return lived


def _kill(place: Ground, options: argparse.Namespace, learned: Undisturbed) -> list[Lived]:
    """Lifetimes side by side until the time is over; the first is left alone, and the others wait for what it shows."""
    until = time.monotonic() + options.minutes * 60 * (1 - RESERVE)
    chance, numbers, turn = Chance(options.seed), itertools.count(1), threading.Lock()
    lives: list[Lived] = []

    def dealt(number: int, phase: str) -> tuple[Kill, ...]:
        known = learned.phase(phase)
        return chance.kills(number, phase, known[0], EACH[phase]) if known else ()

    def live(lane: int) -> None:
        if lane == 0:
            lives.append(_learn(place, learned))
        while time.monotonic() < until and learned.phase(PHASES[0].name):
            number = next(numbers)
            lived = Lifetime(place, number, partial(dealt, number), learned, until, _hear).live()
            with turn:
                lives.append(lived)
                _tell(lived)

    _side_by_side(options.lanes, live)
    return sorted(lives, key=lambda lived: lived.number)


def _side_by_side(lanes: int, work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(max_workers=lanes) as pool:
        for future in [pool.submit(work, lane) for lane in range(lanes)]:
            future.result()


def _others(place: Ground, options: argparse.Namespace, learned: Undisturbed) -> list[Trial]:
    """The baselines take turns at the same kills: those that the seed deals to `up` and that their runs have too."""
    trace = learned.phase(PHASES[0].name)
    if trace is None:
        return []
    until = time.monotonic() + options.baselines * 60
    known = [Baseline(place, name, trace[0].seconds) for name in ROOTS]
    for one in known:
        one.prepare()
        _say(f"{one.name}, undisturbed: {one.seconds:.1f} s")
    trials: list[Trial] = []
    turn = threading.Lock()
    kills = enumerate(_translated(options.seed, trace[0]), start=1)
    queue = ((one, number, kill) for number, kill in kills for one in known)

    def work(_: int) -> None:
        while time.monotonic() < until - TRIAL:
            with turn:
                one, number, kill = next(queue)
            trial = one.run(Trial(one.name, number, kill))
            with turn:
                trials.append(trial)
                _say(table.trial_line(trial))

    _side_by_side(options.lanes + 1, work)
    return trials


def _translated(seed: int, trace: Trace) -> Iterator[Kill]:
    chance, up = Chance(seed), PHASES[0].name
    for lifetime in itertools.count(1):
        for kill in chance.kills(lifetime, up, trace, EACH[up]):
            if other := translated(kill):
                yield other


def _hear(hit: Hit) -> None:
    _say(table.hit_line(hit))


def _tell(lived: Lived) -> None:
    _say(*table.lived_lines(lived))
    if not table.right(lived):
        _say(*(f"    {line}" for line in lived.log))


def _report(options: argparse.Namespace, lives: list[Lived], trials: list[Trial]) -> int:
    _say("", *table.totals(lives), *table.trial_totals(trials), *table.again(lives, options.seed))
    enough = sum(len(lived.hits) for lived in lives) >= min(LEAST, options.minutes * LEAST / 15)
    if not enough:
        _say(f"too few kills for {options.minutes} minutes: the machine is too busy, or something hangs")
    return 0 if enough and all(map(table.right, lives)) else 1


def _say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
