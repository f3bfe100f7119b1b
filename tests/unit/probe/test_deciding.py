"""When a check is decided: thresholds against a clock that only the test moves."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from adapters.fake.clock import FakeClock
from lifecycle.deciding import Decision, concluded, until_decided
from lifecycle.inventory import Connection, Host
from lifecycle.ports import Cancelled
from lifecycle.verification import Attempt, Check, Thresholds


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Script:
    """Looks that see what is written (1 good, 0 bad), each taking so long; it notes when each began and what time it was given."""

    def __init__(self, looks: str, takes: float = 0.0, cancel_at: float = float("inf")) -> None:
        self.clock = FakeClock()
        self.began: list[float] = []
        self.given: list[float] = []
        self._looks: Iterator[str] = iter(looks + looks[-1] * 10_000)
        self._takes, self._cancel_at = takes, cancel_at

    def attempt(self, given: float) -> tuple[Attempt, Mapping[str, Any]]:
        self.began.append(self.clock.monotonic())
        self.given.append(given)
        at = self.clock.now()
        self.clock.advance(seconds(min(self._takes, given)))
        passed = next(self._looks) == "1"
        return Attempt(at, "controller", passed, "good" if passed else "bad"), {"n": len(self.began)}

    def sleep(self, duration: float) -> bool:
        self.clock.advance(seconds(duration))
        return self.clock.monotonic() >= self._cancel_at

    def decide(self, *, patience: float = 3600, **thresholds: Any) -> Decision:
        return until_decided(
            Thresholds(**thresholds), self.attempt, clock=self.clock, sleep=self.sleep, patience=seconds(patience)
        )


def test_the_defaults_give_a_service_that_was_just_started_half_a_minute() -> None:
    script = Script("0")
    decision = script.decide()
    assert (decision.passed, decision.attempts) == (False, 15)
    assert script.began == list(range(0, 30, 2))
    assert decision.reason == "failed 15 times in a row: bad"


def test_the_first_look_waits_for_the_initial_delay() -> None:
    script = Script("1")
    assert script.decide(initial_delay=seconds(7)).passed
    assert script.began == [7]


def test_the_period_runs_from_the_start_of_one_look_to_the_start_of_the_next() -> None:
    script = Script("0", takes=1.5)
    script.decide(period=seconds(2), timeout=seconds(5), failure_threshold=3)
    assert script.began == [0, 2, 4]


def test_a_look_that_takes_longer_than_the_period_is_followed_by_the_next_at_once() -> None:
    script = Script("0", takes=5)
    script.decide(period=seconds(2), timeout=seconds(5), failure_threshold=3)
    assert script.began == [0, 5, 10]


@pytest.mark.parametrize(
    ("looks", "attempts"),
    [("11", 2), ("0101", 0), ("01011", 5), ("1011", 4)],
)
def test_only_successes_in_a_row_count(looks: str, attempts: int) -> None:
    script = Script(looks + ("" if attempts else "0"))
    decision = script.decide(success_threshold=2, failure_threshold=2)
    assert decision.passed is bool(attempts)
    assert decision.attempts == (attempts or 6)


def test_the_deadline_counts_from_the_beginning_with_the_initial_delay() -> None:
    script = Script("0")
    decision = script.decide(initial_delay=seconds(6), deadline=seconds(11), failure_threshold=100)
    assert script.began == [6, 8, 10]
    assert decision.reason == "not within 11 s: bad"


def test_no_look_begins_at_the_deadline_and_nobody_waits_for_it() -> None:
    script = Script("0")
    script.decide(deadline=seconds(4), failure_threshold=100)
    assert script.began == [0, 2]
    assert script.clock.monotonic() == 2


def test_the_last_look_gets_only_what_is_left_of_the_deadline() -> None:
    script = Script("0")
    script.decide(deadline=seconds(5), timeout=seconds(3), failure_threshold=100)
    assert script.given == [3, 3, 1]


def test_the_shorter_of_patience_and_deadline_counts() -> None:
    script = Script("0")
    decision = script.decide(patience=3, failure_threshold=100)
    assert script.began == [0, 2]
    assert "not within 3 s" in decision.reason


def test_without_a_look_there_is_neither_success_nor_evidence() -> None:
    decision = Script("1").decide(initial_delay=seconds(10), deadline=seconds(10))
    assert (decision.passed, decision.attempts, decision.last) == (False, 0, None)


def test_a_good_look_that_came_too_late_for_the_threshold_is_told_as_one() -> None:
    decision = Script("01").decide(success_threshold=2, deadline=seconds(4), failure_threshold=100)
    assert not decision.passed
    assert "not enough successes in a row within 4 s; the last look was good" in decision.reason


def test_a_cancelled_wait_ends_it() -> None:
    script = Script("0", cancel_at=3)
    with pytest.raises(Cancelled):
        script.decide(failure_threshold=100)
    assert script.began == [0, 2]


def test_the_facts_are_those_of_the_last_look() -> None:
    assert Script("001").decide().facts == {"n": 3}


def decisions(**passed: bool) -> dict[str, Decision]:
    clock = FakeClock()
    return {
        origin: Decision(good, f"{origin} said so", 2, Attempt(clock.now(), origin, good, "seen"), {"x": 1})
        for origin, good in passed.items()
    }


CHECK = Check("home", "tcp", {})


def test_a_check_from_several_places_passes_when_all_of_them_do() -> None:
    assert concluded(CHECK, decisions(a=True, b=True)).passed
    result = concluded(CHECK, decisions(a=True, b=False, c=False))
    assert not result.passed
    assert result.summary == "failed from 2 of 3 (b, c), e.g. from b: b said so"
    assert result.attempts == 6
    assert [attempt.origin for attempt in result.evidence] == ["a", "b", "c"]
    assert result.facts == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1}}


def test_a_check_on_hosts_looks_from_its_hosts_whatever_its_vantage_says() -> None:
    host = Host("web-1", "web", "i-1", Connection("10.0.0.1"))
    assert list(Check("a", "command", {}, "controller", (host,)).origins) == ["web-1"]
    assert list(Check("a", "tcp", {}, "hosts", (host,)).origins) == ["web-1"]
    assert list(Check("a", "tcp", {}, "outside", (host,)).origins) == ["outside"]
    assert list(Check("a", "service", {}).origins) == []
