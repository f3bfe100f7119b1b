"""The thread that writes to the engine's pages: in order, throttled, and never a run's trouble."""

import time
from contextlib import nullcontext
from typing import Any

import pytest

from flows.writer import Writer


def writer(every: float = 2.0) -> Writer:
    """One whose jobs need no engine."""
    return Writer(every, connect=lambda: nullcontext(None))  # type: ignore[arg-type]


def test_of_what_is_refreshed_only_the_newest_is_written_and_seldom() -> None:
    done: list[tuple[int, float]] = []
    pages = writer(every=0.2)
    begun = time.monotonic()
    for number in range(50):
        pages.refresh(lambda _, n=number: done.append((n, time.monotonic() - begun)))  # type: ignore[misc]
        time.sleep(0.01)
    pages.close()
    assert done[-1][0] == 49
    assert 2 <= len(done) <= 2 + (time.monotonic() - begun) / 0.2


def test_what_is_written_comes_before_what_is_refreshed_and_nothing_is_lost_at_the_end() -> None:
    done: list[str] = []
    pages = writer(every=60)
    pages.refresh(lambda _: done.append("progress"))
    pages.write(lambda _: done.append("one"))
    pages.write(lambda _: done.append("two"))
    pages.close()
    assert done == ["one", "two", "progress"]


def test_a_failure_is_said_and_the_next_page_is_written_until_the_engine_is_taken_for_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[int] = []

    def fail(_: Any) -> None:
        raise RuntimeError("no")

    pages = writer()
    pages.write(fail)
    pages.write(lambda _: done.append(1))
    for _ in range(3):
        pages.write(fail)
    pages.write(lambda _: done.append(2))
    pages.close()
    assert done == [1]
    assert "something is missing on the engine's pages: RuntimeError: no" in caplog.text


def test_an_engine_that_hangs_holds_the_end_of_a_run_for_no_longer_than_it_is_told() -> None:
    pages = writer()
    pages.write(lambda _: time.sleep(30))
    begun = time.monotonic()
    pages.close(patience=0.2)
    assert time.monotonic() - begun < 5
