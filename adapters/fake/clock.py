"""A clock that stands still until it is told to go on, or to jump."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Starts at a fixed instant; `advance` lets time pass."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._start = start

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    def advance(self, by: timedelta) -> None:
        self._now += by

    def jump(self, by: timedelta) -> None:
        """Set the wall clock, as a person or a time server does: no time has passed."""
        self._now += by
        self._start += by
