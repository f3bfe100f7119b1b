"""Holding an environment's lock for as long as a run works: waiting for it, heartbeat, and the end of a run that lost it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread

from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.events import Say
from lifecycle.lock import HASTE, HEARTBEAT, LEASE, Lock, Locked, LostLock, Owner
from lifecycle.ports import Cancellation, Cancelled, Store, say_nothing
from lifecycle.retries import STORE, insist

LOOK = timedelta(seconds=1)
"""How often who waits for a lock tries to take it."""
REMINDER = timedelta(seconds=30)
"""How often who waits says for whom."""


def _tell_nobody(_: Locked) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a lock that somebody else has. `tell` hears of it at once, now and then, and of each new holder."""

    longest: timedelta = timedelta(0)
    tell: Callable[[Locked], None] = _tell_nobody
    look: timedelta = LOOK
    reminder: timedelta = REMINDER


@contextmanager
def holding(
    store: Store,
    ref: EnvironmentRef,
    owner: Owner,
    cancel: Cancellation,
    *,
    patience: Patience = Patience(),
    say: Say = say_nothing,
    lease: timedelta = LEASE,
    heartbeat: timedelta = HEARTBEAT,
    haste: timedelta = HASTE,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Lock]:
    """The lock, kept alive until the block ends. Raises Locked, naming the holder, when somebody else keeps it too long.

    When it is lost (another run took over, or the store was away until the lease is about to run out) the run is
    cancelled, and after `haste` fast. Before every tool the store is asked whether the lock is still good; `say` hears of each
    time that it could not answer.
    """
    lock, begun = _acquired(store, ref, owner, cancel, patience, say, lease, monotonic)
    cancel.guarded_by(lambda: insist(lambda: store.check(lock), STORE, say, cancel.wait))
    over = Event()
    beats = _Heartbeat(store, lock, cancel, lease, heartbeat, haste, monotonic, over)
    thread = Thread(target=beats.go_on, args=(begun,), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield lock
    finally:
        over.set()
        thread.join()
        with suppress(BatonError):  # a lock that cannot be given back runs out; why the run ended matters more
            store.release(lock)


def _acquired(
    store: Store,
    ref: EnvironmentRef,
    owner: Owner,
    cancel: Cancellation,
    patience: Patience,
    say: Say,
    lease: timedelta,
    monotonic: Callable[[], float],
) -> tuple[Lock, float]:
    """The lock, and since when its lease counts: from before it was asked for. Raises Locked, Cancelled."""
    until = monotonic() + patience.longest.total_seconds()
    said, said_at = "", 0.0
    while True:
        asked = monotonic()
        try:
            return insist(lambda: store.acquire(ref, owner, lease=lease), STORE, say, cancel.wait), asked
        except Locked as held:
            if asked >= until:
                raise
            if held.message != said or asked - said_at >= patience.reminder.total_seconds():
                patience.tell(held)
                said, said_at = held.message, asked
        if cancel.wait(min(patience.look.total_seconds(), until - asked)):
            raise Cancelled(f"stopped while waiting for the lock on {ref} ({cancel.reason}); nothing was begun")


@dataclass(frozen=True, slots=True)
class _Heartbeat:
    store: Store
    lock: Lock
    cancel: Cancellation
    lease: timedelta
    every: timedelta
    haste: timedelta
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
        """Stop the run: its tools may end gracefully for a moment, as what they lose nobody else finds easily."""
        if not self.cancel.requested:
            self.cancel.request(reason)
        if not self.over.wait(self.haste.total_seconds()):
            self.cancel.request(reason)
