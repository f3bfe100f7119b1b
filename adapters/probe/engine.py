"""Thresholds: when a check has passed, when it has failed, and when it is looked at again.

A check here is looked at until it is decided, once, like Kubernetes' startup probe (not for ever, like a liveness probe):

- it **passes** at `success_threshold` successes in a row;
- it **fails** at `failure_threshold` failures in a row, or at the `deadline`, whichever comes first. So `deadline` is
  how long patience lasts, and `failure_threshold` how many failures in a row end it early: a service that may need a
  minute to start wants a `failure_threshold` of at least a minute's worth of periods;
- `initial_delay` passes before the first look, and counts against the deadline;
- `period` is from the start of one look to the start of the next; a look that takes longer is followed by the next at once;
- `timeout` bounds one look as a whole (connecting, TLS and the answer), and so does what is left of the deadline;
- no look is begun, and no period waited for, that would start at or after the deadline.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from adapters.probe.dialer import DialFailed
from adapters.probe.look import Budget, Look, OutOfTime, milliseconds
from lifecycle.ports import Cancellation, Cancelled, Clock
from lifecycle.verification import Attempt, Thresholds

Looker = Callable[[Budget], Look]
"""Looks once. Raises DialFailed, OutOfTime or OSError for what it could not see; these are failed looks."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one check from one origin."""

    passed: bool
    reason: str  # why it ended, in words
    attempts: int
    last: Attempt | None  # None when the deadline came before the first look
    look: Look | None


def until_decided(
    thresholds: Thresholds,
    attempt: Callable[[float], tuple[Attempt, Look]],
    *,
    clock: Clock,
    sleep: Callable[[float], bool],
    patience: timedelta,
) -> Decision:
    """Attempt until the thresholds or the patience (a deadline, at most the check's own) decide.

    `attempt` gets the seconds it may take. `sleep` answers True when the run was cancelled meanwhile: raises Cancelled.
    """
    limit = min(patience, thresholds.deadline)
    end = clock.monotonic() + limit.total_seconds()
    successes = failures = attempts = 0
    seen: tuple[Attempt | None, Look | None] = (None, None)
    start = clock.monotonic() + thresholds.initial_delay.total_seconds()
    while start < end:
        if sleep(max(0.0, start - clock.monotonic())):
            raise Cancelled("the check was cancelled")
        now = clock.monotonic()
        if now >= end:
            break
        attempts += 1
        last, look = seen = attempt(min(thresholds.timeout.total_seconds(), end - now))
        successes, failures = (successes + 1, 0) if look.passed else (0, failures + 1)
        if successes >= thresholds.success_threshold:
            return Decision(True, look.detail, attempts, last, look)
        if failures >= thresholds.failure_threshold:
            return Decision(False, f"failed {_times(failures)} in a row: {look.detail}", attempts, last, look)
        start = max(now + thresholds.period.total_seconds(), clock.monotonic())
    return Decision(False, _given_up(limit, seen[1]), attempts, *seen)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _given_up(limit: timedelta, look: Look | None) -> str:
    waited = milliseconds(limit.total_seconds())
    if look is None:
        return f"not looked at: the deadline of {waited} came before the first look"
    if look.passed:
        return f"not enough successes in a row within {waited}; the last look was good: {look.detail}"
    return f"not within {waited}: {look.detail}"


CANCEL_POLL = 0.1  # seconds between two looks at the cancellation while an attempt runs
GRACE = 0.5  # seconds beyond its timeout after which an attempt is ended from outside


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
