"""Holding an environment's lock for as long as a run works: heartbeat, and cancellation when it is lost."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread

from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.lock import HEARTBEAT, LEASE, Lock, LostLock, Owner
from lifecycle.ports import Cancellation, Store


@contextmanager
def holding(
    store: Store,
    ref: EnvironmentRef,
    owner: Owner,
    cancel: Cancellation,
    *,
    lease: timedelta = LEASE,
    heartbeat: timedelta = HEARTBEAT,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Lock]:
    """The lock, kept alive until the block ends. Raises Locked, naming the holder, when somebody else has it.

    When it is lost (another run took over, or the store was away until the lease is about to run out) the run is
    cancelled, fast.
    """
    begun = monotonic()  # the lease counts from before it was asked for
    lock = store.acquire(ref, owner, lease=lease)
    over = Event()
    beats = _Heartbeat(store, lock, cancel, lease, heartbeat, monotonic, over)
    thread = Thread(target=beats.go_on, args=(begun,), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield lock
    finally:
        over.set()
        thread.join()
        with suppress(BatonError):  # a lock that cannot be given back runs out; why the run ended matters more
            store.release(lock)


@dataclass(frozen=True, slots=True)
class _Heartbeat:
    store: Store
    lock: Lock
    cancel: Cancellation
    lease: timedelta
    every: timedelta
    monotonic: Callable[[], float]
    over: Event

    def go_on(self, good: float) -> None:
        """Renew until the run is over, or until the lock is lost. `good` is when the lease was last known to begin."""
        while not self.over.wait(self.every.total_seconds()):
            asked = self.monotonic()
            try:
                self.store.renew(self.lock, lease=self.lease)
                good = asked
            except LostLock:
                return self.give_up("the environment's lock was lost to another run")
            except Exception:  # the store is away, whatever its driver makes of that: it may come back in time
                if self.monotonic() - good + self.every.total_seconds() >= self.lease.total_seconds():
                    return self.give_up("the store was away until the lock's lease ran out")
        return None

    def give_up(self, reason: str) -> None:
        """Stop the run, fast."""
        self.cancel.request(reason)
        self.cancel.request(reason)
