"""Ended, stopped or overtaken at every moment of a run, before and after each write and inside each tool: the same end.

The real loop runs on fakes; every moment of an undisturbed run is taken in turn (`pytest --moment` repeats a single one).
"""

import threading
from collections import Counter
from collections.abc import Iterator
from time import perf_counter

import pytest

from tests.support.chaos.scenarios import SCENARIOS, Disturbed, Mode, Point, points

pytestmark = pytest.mark.timeout(120)
SEED = 7
TRIED, FUTURES = Counter[str](), Counter[str]()


@pytest.fixture(scope="module", autouse=True)
def summary() -> Iterator[None]:
    """One line for `-s`: how many moments were tried, by mode."""
    begun = perf_counter()
    yield
    by_mode = ", ".join(f"{mode} {count}" for mode, count in sorted(TRIED.items()))
    print(
        f"\nchaos: {sum(TRIED.values())} moments ({by_mode}), "
        f"{sum(FUTURES.values())} different restarts, {perf_counter() - begun:.1f} s"
    )


def chosen(config: pytest.Config, scenario: str, mode: Mode) -> Iterator[Point]:
    wish = config.getoption("--moment")
    if not wish:
        yield from points(scenario, mode, SEED)
    elif (point := Point.parse(wish)).scenario == scenario and point.mode is mode:
        yield point


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_disturbed_at_any_moment_it_ends_as_if_nobody_had(
    scenario: str, mode: Mode, pytestconfig: pytest.Config
) -> None:
    for point in chosen(pytestconfig, scenario, mode):
        threads = threading.active_count()
        disturbed = Disturbed(point)
        disturbed.disturb()
        FUTURES[mode] += disturbed.recover()
        left = threading.active_count() - threads
        problems = [*disturbed.problems, *([f"{left} threads are left"] if left else [])]
        TRIED[mode] += 1
        assert not problems, (
            f"{point.moment}, {mode}: {'; '.join(problems)}\n"
            f"again: python -m pytest tests/chaos/test_every_moment.py --moment {point}"
        )
