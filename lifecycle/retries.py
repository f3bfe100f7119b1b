"""Trying again: how often, and after how long. Which errors may pass is said by the errors themselves (`BatonError.trouble`)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from lifecycle.errors import BatonError
from lifecycle.events import Level, Say

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often something is tried, and how long is waited between: twice as long each time."""

    attempts: int = 4
    first: float = 2.0  # seconds
    longest: float = 30.0
    within: float = 900.0
    """Seconds since the first attempt began, after which no other one begins. Tools insist by themselves, for minutes: what
    they could not outlast in that time does not pass in a moment."""

    @property
    def delays(self) -> tuple[float, ...]:
        """Seconds to wait after each attempt but the last."""
        return tuple(min(self.first * 2**n, self.longest) for n in range(self.attempts - 1))


STORE: Final = Backoff(attempts=6, first=0.5, longest=8.0)
"""Of a write to the store: sixteen seconds of waiting, beside the ten that a busy database is waited for each time. The lock's
lease ends it earlier: a run whose heartbeats do not arrive is stopped before another one may take over."""


def insist(
    attempt: Callable[[], T],
    backoff: Backoff,
    say: Say,
    wait: Callable[[float], bool],
    monotonic: Callable[[], float] = time.monotonic,
) -> T:
    """What the first attempt gives that succeeds. Raises the error of the last one, and at once one that does not pass.

    `wait` sleeps; it answers True where the run was asked to stop meanwhile, and then nothing is tried again.
    """
    began = monotonic()
    for delay in backoff.delays:
        try:
            return attempt()
        except BatonError as error:
            if error.trouble is None or monotonic() - began > backoff.within:
                raise
            words = f"{error.message}; tried again in {delay:g} s ({error.trouble.words})"
            say("step.retried", words, level=Level.WARNING, seconds=delay, trouble=error.trouble.value)
            if wait(delay):
                raise
    return attempt()
