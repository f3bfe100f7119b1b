"""Watching for the wish to stop: heard once from elsewhere, said aloud, silent when the run is over."""

from datetime import timedelta
from queue import Empty, Queue
from threading import Event
from time import monotonic

import pytest

from lifecycle.ports import Cancellation
from lifecycle.watching import watched

OFTEN = timedelta(milliseconds=1)
LONG = 30.0  # seconds; nothing here takes them


def nobody() -> str:
    return ""


def test_who_wants_it_stopped_elsewhere_is_heard_and_asks_for_no_haste() -> None:
    cancel, said, asked = Cancellation(), Queue[str](), Event()

    def elsewhere() -> str:
        if asked.is_set():
            return "cancelled in the engine"
        asked.set()
        return ""

    with watched(cancel, wanted_elsewhere=elsewhere, say=said.put, look=OFTEN):
        assert cancel.wait(LONG)
        assert "stopping (cancelled in the engine)" in said.get(timeout=LONG)
    assert not cancel.urgent


def test_a_wish_is_said_and_the_second_too() -> None:
    cancel, said = Cancellation(), Queue[str]()
    with watched(cancel, wanted_elsewhere=nobody, say=said.put):
        cancel.request("SIGINT")
        assert said.get(timeout=LONG).startswith("stopping (SIGINT): tools end what they have in flight")
        cancel.request("SIGINT")
        assert said.get(timeout=LONG).startswith("stopping at once")


def test_somebody_elsewhere_who_does_not_answer_holds_up_nobody() -> None:
    hanging, released, said = Event(), Event(), Queue[str]()

    def hangs() -> str:
        hanging.set()
        released.wait(LONG)
        return "too late"

    cancel, began = Cancellation(), monotonic()
    with watched(cancel, wanted_elsewhere=hangs, say=said.put, look=OFTEN):
        assert hanging.wait(LONG)
    assert monotonic() - began < LONG / 2
    released.set()
    assert cancel.wait(LONG)
    with pytest.raises(Empty):  # the run was over
        said.get(timeout=0.2)
