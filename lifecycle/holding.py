"""Holding an environment's lock for as long as a run works: heartbeat, and cancellation when it is lost."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    begun = monotonic()
    lock = store.acquire(ref, owner, lease=lease)
    over = Event()

    def beat() -> None:
        good = begun  # the lease counts from before it was asked for
        while not over.wait(heartbeat.total_seconds()):
            asked = monotonic()
            try:
                store.renew(lock, lease=lease)
                good = asked
            except LostLock:
                _give_up(cancel, "the environment's lock was lost to another run")
                return
            except Exception:  # the store is away, whatever its driver makes of that: it may come back in time
                if monotonic() - good + heartbeat.total_seconds() >= lease.total_seconds():
                    _give_up(cancel, "the store was away until the lock's lease ran out")
                    return

    thread = Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield lock
    finally:
        over.set()
        thread.join()
        with suppress(BatonError):  # a lock that cannot be given back runs out; why the run ended matters more
            store.release(lock)


def _give_up(cancel: Cancellation, reason: str) -> None:
    cancel.request(reason)
    cancel.request(reason)
