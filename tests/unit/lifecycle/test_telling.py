"""Who watches a run, and who stops it from outside."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from baton.progress import while_somebody_reads
from flows.stopping import stopped_by_signals
from lifecycle.events import Event
from lifecycle.ports import Cancellation

EVENT = Event(datetime(2026, 1, 1, tzinfo=UTC), "step.started", "plan main")


@pytest.mark.parametrize("error", [BrokenPipeError, OSError])
def test_a_reader_that_goes_away_takes_nothing_but_the_progress_with_it(error: type[OSError]) -> None:
    asked = []

    def closed(event: Event) -> None:
        asked.append(event)
        raise error

    sink = while_somebody_reads(closed)
    sink(EVENT)
    sink(EVENT)
    assert len(asked) == 1


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.usefixtures("handlers")
def test_a_signal_asks_once_gracefully_and_twice_urgently_and_is_handled_as_before_after(
    number: signal.Signals,
) -> None:
    before, times = signal.getsignal(number), iter([0.0, 1.0])
    with stopped_by_signals(cancel := Cancellation(), lambda: next(times)):
        os.kill(os.getpid(), number)
        assert (cancel.requested, cancel.urgent, cancel.reason) == (True, False, number.name)
        os.kill(os.getpid(), number)
        assert cancel.urgent
    assert signal.getsignal(number) == before


@pytest.mark.usefixtures("handlers")
def test_what_no_person_can_say_twice_so_quickly_is_one_wish() -> None:
    """A terminal that closes tells its processes, and so does its shell; timeout(1) tells its child, and then its group."""
    times = iter([0.0, 0.01])
    with stopped_by_signals(cancel := Cancellation(), lambda: next(times)):
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
    assert cancel.requested
    assert not cancel.urgent


@pytest.mark.usefixtures("handlers")
def test_a_workers_signal_repeats_the_wish_that_the_engine_told_before() -> None:
    times = iter([0.0, 1.0])
    with stopped_by_signals(cancel := Cancellation(), lambda: next(times)):
        cancel.request("cancelled in the engine")
        os.kill(os.getpid(), signal.SIGTERM)
        assert not cancel.urgent
        os.kill(os.getpid(), signal.SIGTERM)
    assert cancel.urgent


@pytest.mark.usefixtures("handlers")
def test_a_run_under_nohup_outlives_its_terminal() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stopped_by_signals(cancel := Cancellation()):
        os.kill(os.getpid(), signal.SIGHUP)
    assert not cancel.requested


@pytest.mark.usefixtures("handlers")
def test_a_run_in_the_background_of_a_script_can_be_asked_to_stop() -> None:
    """A shell's `&` ignores SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stopped_by_signals(cancel := Cancellation()):
        os.kill(os.getpid(), signal.SIGINT)
    assert cancel.requested
