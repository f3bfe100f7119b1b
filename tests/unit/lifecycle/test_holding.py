"""Holding the lock: kept alive while the run works, given back at its end, and the run stopped when it is lost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Event
from time import monotonic, sleep

import pytest

from adapters.fake.store import FakeStore
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.holding import Patience, holding
from lifecycle.lock import LEASE, Lock, Locked, LostLock, Owner
from lifecycle.ports import Cancellation, Cancelled, PartCancellation

REF = EnvironmentRef("shop", "dev")
ME = Owner("ada", "laptop:1", "boot", 42, 1)
BEAT = timedelta(milliseconds=1)
LONG = 30.0  # seconds; nothing here takes them


class Beaten(FakeStore):
    """A store that does at every heartbeat what the test says."""

    def __init__(self, at_beat: Callable[[int], None]) -> None:
        super().__init__()
        self.at_beat = at_beat
        self.beats = 0
        self.thrice = Event()

    def renew(self, lock: Lock, *, lease: timedelta) -> Lock:
        self.beats += 1
        if self.beats == 3:
            self.thrice.set()
        self.at_beat(self.beats)
        return super().renew(lock, lease=lease)


class Time:
    """A clock that the store's slowness moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def away(_: int) -> None:
    raise BatonError("the store does not answer")


def fast(cancel: Cancellation) -> bool:
    until = monotonic() + LONG
    while not cancel.urgent and monotonic() < until:
        sleep(0.001)
    return cancel.urgent


def test_the_lock_is_renewed_while_the_run_works_and_free_after() -> None:
    store, cancel = Beaten(lambda _: None), Cancellation()
    with holding(store, REF, ME, cancel, heartbeat=BEAT):
        assert store.thrice.wait(LONG)
        with pytest.raises(Locked):
            store.acquire(REF, replace(ME, pid=43), lease=LEASE)
    assert not cancel.requested
    assert store.holder(REF) is None


def test_a_lock_that_another_run_took_stops_this_one_fast() -> None:
    def taken(beat: int) -> None:
        if beat == 1:
            held = store.holder(REF)
            assert held is not None
            store.release(held)
            store.acquire(REF, replace(ME, pid=43), lease=LEASE)

    store, cancel = Beaten(taken), Cancellation()
    with holding(store, REF, ME, cancel, heartbeat=BEAT, haste=BEAT):
        assert cancel.wait(LONG)
        assert fast(cancel)
    holder = store.holder(REF)
    assert holder is not None
    assert holder.owner.pid == 43  # the end of a stale run frees nobody's lock


def test_a_store_that_is_away_for_a_moment_stops_nobody() -> None:
    def hiccup(beat: int) -> None:
        if beat == 1:
            away(beat)

    store, cancel = Beaten(hiccup), Cancellation()
    with holding(store, REF, ME, cancel, heartbeat=BEAT):
        assert store.thrice.wait(LONG)
    assert not cancel.requested


def test_a_store_that_takes_its_time_to_be_away_stops_the_run_when_the_lease_is_over() -> None:
    """What counts is the time since the last good heartbeat, not how often one was missed."""
    time = Time()

    def slowly_away(_: int) -> None:
        time.now += 20.0  # a connection attempt that hangs
        raise BatonError("no connection")

    store, cancel = Beaten(slowly_away), Cancellation()
    with holding(store, REF, ME, cancel, heartbeat=BEAT, monotonic=time):
        assert cancel.wait(LONG)
    assert store.beats <= 2
    assert "away" in cancel.reason


def test_whatever_goes_wrong_with_a_heartbeat_the_run_does_not_go_on_without_its_lock() -> None:
    time = Time()

    def broken(_: int) -> None:
        time.now += 20.0
        raise RuntimeError("a fault of the driver's own")

    with holding(Beaten(broken), REF, ME, cancel := Cancellation(), heartbeat=BEAT, monotonic=time):
        assert cancel.wait(LONG)


def test_a_store_that_cannot_take_the_lock_back_does_not_hide_why_the_run_failed() -> None:
    class Gone(FakeStore):
        def release(self, lock: Lock) -> None:
            raise BatonError("the store does not answer")

    with pytest.raises(BatonError, match="the run's own trouble"), holding(Gone(), REF, ME, Cancellation()):
        raise BatonError("the run's own trouble")


def test_who_waits_is_told_at_once_and_gets_the_lock_when_it_is_free() -> None:
    store, told = FakeStore(), list[str]()
    held = store.acquire(REF, replace(ME, user="bert", pid=43), lease=LEASE)

    def tell(locked: Locked) -> None:
        told.append(locked.message)
        store.release(held)

    with holding(store, REF, ME, Cancellation(), patience=Patience(LEASE, tell, look=BEAT)) as lock:
        assert lock.token == held.token + 1
    assert len(told) == 1
    assert "locked by bert on laptop (process 43) since" in told[0]


def test_who_waits_is_told_again_now_and_then_and_of_a_new_holder_at_once() -> None:
    time, told = Time(), list[str]()

    class Busy(FakeStore):
        def acquire(self, ref: EnvironmentRef, owner: Owner, *, lease: timedelta) -> Lock:
            time.now += 1
            return super().acquire(ref, owner, lease=lease)

    store = Busy()
    held = store.acquire(REF, replace(ME, pid=43), lease=LEASE)

    def tell(locked: Locked) -> None:
        nonlocal held
        told.append(f"{time.now:g} {locked.facts['pid']}")
        if len(told) == 2:
            store.release(held)
            held = FakeStore.acquire(store, REF, replace(ME, pid=44), lease=LEASE)
        if len(told) == 3:
            store.release(held)

    patience = Patience(timedelta(minutes=5), tell, look=BEAT, reminder=timedelta(seconds=30))
    with holding(store, REF, ME, Cancellation(), patience=patience, monotonic=time):
        pass
    assert told == ["2 43", "32 43", "33 44"]


def test_patience_has_an_end_and_then_the_holder_is_named() -> None:
    store = FakeStore()
    store.acquire(REF, replace(ME, pid=43), lease=LEASE)
    patience = Patience(timedelta(milliseconds=20), look=BEAT)
    with pytest.raises(Locked, match="process 43"), holding(store, REF, ME, Cancellation(), patience=patience):
        pytest.fail("two have one lock")


def test_who_waits_may_be_stopped() -> None:
    store, cancel = FakeStore(), Cancellation()
    held = store.acquire(REF, replace(ME, pid=43), lease=LEASE)
    patience = Patience(LEASE, lambda _: cancel.request("SIGINT"))
    with (
        pytest.raises(Cancelled, match=r"waiting for the lock on shop/dev \(SIGINT\); nothing was begun"),
        holding(store, REF, ME, cancel, patience=patience),
    ):
        pytest.fail("two have one lock")
    assert store.holder(REF) == held


def test_no_tool_is_started_under_a_lock_that_was_lost_also_before_a_heartbeat_says_so() -> None:
    store, cancel = FakeStore(), Cancellation()
    with holding(store, REF, ME, cancel) as lock:
        part = PartCancellation(cancel)
        part.before_tool()
        store.release(lock)
        store.acquire(REF, replace(ME, pid=43), lease=LEASE)
        with pytest.raises(LostLock, match="process 43"):
            part.before_tool()
    assert not cancel.requested
