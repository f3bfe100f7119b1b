"""One look in a thread of its own, so that no look outlasts its time or a cancellation.

When a check is decided is said in lifecycle/deciding.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from adapters.probe.dialer import DialFailed
from adapters.probe.look import Budget, Look, OutOfTime, milliseconds
from lifecycle.ports import Cancellation, Cancelled

Looker = Callable[[Budget], Look]
"""Looks once. Raises DialFailed, OutOfTime or OSError for what it could not see; these are failed looks."""

CANCEL_POLL: Final = 0.1  # seconds between two looks at the cancellation while an attempt runs
GRACE: Final = 0.5  # seconds beyond its timeout after which an attempt is ended from outside


def look_once(looker: Looker, seconds: float, cancel: Cancellation) -> Look:
    """Run one look in a thread of its own, so that neither a blocked call nor a slow answer outlasts it.

    An attempt that does not end by itself is shut down from here; its thread ends with its connection (a name lookup
    that hangs ends when the resolver gives up). Raises Cancelled, and BatonErrors that say that nothing can be looked at.
    """
    budget, done, outcome = Budget(seconds), threading.Event(), list[Look | BaseException]()

    def work() -> None:
        try:
            outcome.append(looker(budget))
        except BaseException as error:  # handed over to the caller's thread
            outcome.append(error)
        done.set()

    threading.Thread(target=work, name="probe", daemon=True).start()
    end = time.monotonic() + seconds + GRACE
    while not done.wait(max(0.0, min(CANCEL_POLL, end - time.monotonic()))):
        if cancel.requested:
            budget.abort()
            raise Cancelled("the check was cancelled")
        if time.monotonic() >= end:
            budget.abort()
            return _too_slow(seconds)
    return _as_look(outcome[0], seconds)


def _too_slow(seconds: float) -> Look:
    return Look(False, f"no complete answer within {milliseconds(seconds)}", {"timed_out": True})


def _as_look(outcome: Look | BaseException, seconds: float) -> Look:
    match outcome:
        case Look():
            return outcome
        case OutOfTime() | TimeoutError():
            return _too_slow(seconds)
        case DialFailed():
            return Look(False, outcome.message, {"connection": outcome.word})
        case OSError():
            return Look(False, f"the connection broke: {outcome.strerror or outcome}")
        case _:
            raise outcome
