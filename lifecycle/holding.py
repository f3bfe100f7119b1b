"""Holding an environment's lock for as long as a run works: heartbeat, and cancellation when it is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
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
) -> Iterator[Lock]:
    """The lock, kept alive until the block ends. Raises Locked, naming the holder, when somebody else has it.

    When it is lost (another run took over, or the store was away for longer than the lease) the run is cancelled, fast.
    """
    lock = store.acquire(ref, owner, lease=lease)
    over = Event()
    thread = Thread(target=_beat, args=(store, lock, cancel, over, lease, heartbeat), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield lock
    finally:
        over.set()
        thread.join()
        store.release(lock)


def _beat(store: Store, lock: Lock, cancel: Cancellation, over: Event, lease: timedelta, heartbeat: timedelta) -> None:
    missed = timedelta(0)
    while not over.wait(heartbeat.total_seconds()):
        try:
            store.renew(lock, lease=lease)
            missed = timedelta(0)
        except LostLock:
            _give_up(cancel, "the environment's lock was lost to another run")
            return
        except BatonError:  # the store is away: it may come back before the lease runs out
            missed += heartbeat
            if missed >= lease:
                _give_up(cancel, "the store was away for longer than the lock's lease")
                return


def _give_up(cancel: Cancellation, reason: str) -> None:
    cancel.request(reason)
    cancel.request(reason)
