"""One look: what an attempt saw, and the budget it may use."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.probe.dialer import Dialer, Link


@dataclass(frozen=True, slots=True)
class Look:
    """What one attempt saw: whether that is what the check asks for, in words, and as facts for programs."""

    passed: bool
    detail: str
    facts: Mapping[str, Any] = field(default_factory=dict)


Mask = Callable[[str], str]
"""Takes the check's secrets out of a text. Texts from outside are masked before they are cut: half a secret is not recognised."""


class OutOfTime(Exception):
    """The attempt used up its timeout."""


class Budget:
    """The time one attempt has, and a way to end it from another thread."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._monotonic = monotonic
        self._end = monotonic() + seconds
        self._lock = threading.Lock()
        self._enders: list[Callable[[], None]] = []
        self._over = False

    def left(self) -> float:
        """Seconds that are left. Raises OutOfTime when there are none, or when the attempt was ended."""
        left = self._end - self._monotonic()
        if left <= 0 or self._over:
            raise OutOfTime
        return left

    @contextlib.contextmanager
    def dialled(self, dialer: Dialer, address: str, port: int) -> Iterator[Link]:
        """A connection that is shut when the attempt is ended, and closed at the end of the block."""
        with dialer.dial(address, port, self.left()) as link, self.ending(link.shut):
            link.socket.settimeout(self.left())
            yield link

    @contextlib.contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Within the block, `end` is called when the attempt is ended from another thread."""
        with self._lock:
            self._enders.append(end)
            over = self._over
        if over:
            end()
        try:
            yield
        finally:
            with self._lock:
                self._enders.remove(end)

    def abort(self) -> None:
        """End the attempt: wake what is blocked in its connection or process."""
        with self._lock:
            self._over = True
            enders = list(self._enders)
        for end in enders:
            end()


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
