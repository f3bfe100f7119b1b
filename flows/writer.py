"""Writes to the engine's pages beside a run: in a thread of its own, so that no step waits for it, and nothing of it fails a run."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import copy_context
from typing import Final

from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient

Job = Callable[[SyncPrefectClient], None]
Connect = Callable[[], AbstractContextManager[SyncPrefectClient]]

EVERY: Final = 2.0
"""Seconds between two calls that only bring something up to date."""
PATIENCE: Final = 10.0
"""Seconds that the end of a run waits for what is still to be written."""
TROUBLES: Final = 3
"""Failures in a row after which nothing more is tried: the engine is away."""

_logger = logging.getLogger("baton.pages")


def _connect() -> AbstractContextManager[SyncPrefectClient]:
    return get_client(sync_client=True)


class Writer:
    """Jobs one after the other; of the refreshing ones only the newest, and not more often than every so many seconds."""

    def __init__(self, every: float = EVERY, connect: Connect = _connect) -> None:
        self._every, self._connect, self._refreshed = every, connect, -every
        self._jobs: deque[Job] = deque()
        self._newest: Job | None = None
        self._at_once = self._over = False
        self._changed = threading.Condition()
        self._troubles = 0
        context = copy_context()  # it knows the flow run of whoever made it
        self._thread = threading.Thread(target=context.run, args=(self._work,), name="pages", daemon=True)
        self._thread.start()

    def write(self, job: Job) -> None:
        """Do this, soon."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()

    def refresh(self, job: Job, *, at_once: bool = False) -> None:
        """Do this in place of what was to be refreshed before."""
        with self._changed:
            self._newest, self._at_once = job, self._at_once or at_once
            self._changed.notify()

    def close(self, patience: float = PATIENCE) -> None:
        """Write what is left, for so many seconds at most."""
        with self._changed:
            self._over = self._at_once = True
            self._changed.notify()
        self._thread.join(patience)

    def _work(self) -> None:
        try:
            with self._connect() as client:
                while (job := self._next()) is not None and self._troubles < TROUBLES:
                    self._do(job, client)
        except Exception as error:
            _logger.warning("the engine's pages cannot be written: %s", error)

    def _do(self, job: Job, client: SyncPrefectClient) -> None:
        try:
            job(client)
            self._troubles = 0
        except Exception as error:
            self._troubles += 1
            _logger.warning("something is missing on the engine's pages: %s: %s", type(error).__name__, error)

    def _next(self) -> Job | None:
        """The next job as soon as it may be done; None when all is done."""
        with self._changed:
            while True:
                if self._jobs:
                    return self._jobs.popleft()
                rest = self._refreshed + self._every - time.monotonic()
                if self._newest is not None and (rest <= 0 or self._at_once):
                    job, self._newest, self._at_once = self._newest, None, self._over
                    self._refreshed = time.monotonic()
                    return job
                if self._over:
                    return None
                self._changed.wait(rest if self._newest is not None else None)
