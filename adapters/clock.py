"""The real clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """UTC now, and a monotonic count of seconds."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
