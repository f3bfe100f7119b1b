"""Trying again: how often, and after how long. Which errors may pass is said by the errors themselves (`BatonError.trouble`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from lifecycle.errors import BatonError
from lifecycle.events import Level, Say

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often something is tried, and how long is waited between: twice as long each time."""

    attempts: int = 4
    first: float = 2.0  # seconds
    longest: float = 30.0

    @property
    def delays(self) -> tuple[float, ...]:
        """Seconds to wait after each attempt but the last."""
        return tuple(min(self.first * 2**n, self.longest) for n in range(self.attempts - 1))


def insist(attempt: Callable[[], T], backoff: Backoff, say: Say, wait: Callable[[float], bool]) -> T:
    """What the first attempt gives that succeeds. Raises the error of the last one, and at once one that does not pass.

    `wait` sleeps; it answers True where the run was asked to stop meanwhile, and then nothing is tried again.
    """
    for delay in backoff.delays:
        try:
            return attempt()
        except BatonError as error:
            if error.trouble is None:
                raise
            words = f"{error.message}; tried again in {delay:g} s ({error.trouble.words})"
            say("step.retried", words, level=Level.WARNING, seconds=delay, trouble=error.trouble.value)
            if wait(delay):
                raise
    return attempt()
