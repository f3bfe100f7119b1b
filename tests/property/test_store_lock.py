"""Whatever two holders do to one environment, in whatever order: only the newest lock writes, and the chain holds."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.ledger import Broken, verify
from lifecycle.lock import Lock, Locked, LostLock, Owner
from tests.support.stores import (
    ANNA,
    BERT,
    MINUTE,
    OVER,
    SHOP,
    AnyStore,
    World,
    a_draft,
    an_environment,
    an_intent,
    an_outcome,
    in_memory,
    in_sqlite,
)

OPERATIONS = ["acquire", "lapse", "renew", "release", "write", "conclude", "die"]
moves = st.lists(st.tuples(st.sampled_from([ANNA, BERT]), st.sampled_from(OPERATIONS)), max_size=30)


class Model:
    """What must be true: which token is the newest, whether it is given back, and whether it may be taken over."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store: AnyStore = world.open()
        self.locks: dict[Owner, Lock] = {}  # the last lock that each of them got
        self.newest = 0
        self.held = False
        self.may_be_taken = True
        self.accepted: list[int] = []  # tokens of the writes that were accepted, in order

    def step(self, owner: Owner, operation: str) -> None:
        getattr(self, operation)(owner)
        holder = self.store.holder(SHOP)
        assert (holder is None) is self.may_be_taken
        assert holder is None or holder.token == self.newest

    def acquire(self, owner: Owner) -> None:
        if not self.may_be_taken:
            with pytest.raises(Locked):
                self.store.acquire(SHOP, owner, lease=MINUTE)
            return
        self.world.dead.discard(owner)
        lock = self.store.acquire(SHOP, owner, lease=MINUTE)
        assert lock.token == self.newest + 1
        self.locks[owner], self.newest, self.held, self.may_be_taken = lock, lock.token, True, False

    def lapse(self, owner: Owner) -> None:
        """Time passes until the lease of the holder has run out."""
        self._renew(owner, lapsed=True)

    def renew(self, owner: Owner) -> None:
        self._renew(owner, lapsed=False)

    def _renew(self, owner: Owner, *, lapsed: bool) -> None:
        lock = self.locks.get(owner)
        if lock is None:
            return
        if not self._good(lock):
            with pytest.raises(LostLock):
                self.store.renew(lock, lease=MINUTE)
            return
        self.locks[owner] = self.store.renew(lock, lease=OVER if lapsed else MINUTE)
        self.may_be_taken = lapsed or owner in self.world.dead

    def release(self, owner: Owner) -> None:
        lock = self.locks.get(owner)
        if lock is None:
            return
        self.store.release(lock)
        if lock.token == self.newest:
            self.held, self.may_be_taken = False, True

    def write(self, owner: Owner) -> None:
        self._write(owner, lambda lock: self.store.transition(lock, an_environment(), [a_draft(token=lock.token)]))

    def conclude(self, owner: Owner) -> None:
        outcome = an_outcome(message=owner.user)
        self._write(owner, lambda lock: self.store.conclude(lock, [outcome], [a_draft(token=lock.token)]))

    def _write(self, owner: Owner, write: Callable[[Lock], None]) -> None:
        lock = self.locks.get(owner)
        if lock is None:
            return
        if self._good(lock):
            write(lock)
            self.accepted.append(lock.token)
        else:
            with pytest.raises(LostLock):
                write(lock)
            with pytest.raises(LostLock):
                self.store.intend(lock, [an_intent("stale")])

    def die(self, owner: Owner) -> None:
        """It is proven that the owner's process is gone (a late write of it may still arrive)."""
        self.world.dead.add(owner)
        lock = self.locks.get(owner)
        if lock and self._good(lock):
            self.may_be_taken = True

    def _good(self, lock: Lock) -> bool:
        return self.held and lock.token == self.newest

    def check_the_end(self) -> None:
        entries = list(self.store.ledger(SHOP))
        assert not isinstance(verify(entries), Broken)
        assert [entry.decoded["data"]["token"] for entry in entries] == self.accepted
        assert self.accepted == sorted(self.accepted)  # nobody wrote after he was taken over
        assert "stale" not in {record.subject for record in self.store.journal(SHOP).records.values()}


@given(moves)
def test_only_the_newest_lock_writes_in_memory(played: list[tuple[Owner, str]]) -> None:
    _play(in_memory(), played)


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite store with its tables, to be copied: making the tables takes longer than a game."""
    directory = tmp_path_factory.mktemp("empty")
    world = in_sqlite(directory)
    assert world.open().key
    world.close()
    return directory


@settings(max_examples=40)
@given(moves)
def test_only_the_newest_lock_writes_in_sqlite(
    empty_store: Path, tmp_path_factory: pytest.TempPathFactory, played: list[tuple[Owner, str]]
) -> None:
    directory = tmp_path_factory.mktemp("game")
    shutil.copytree(empty_store, directory, dirs_exist_ok=True)
    world = in_sqlite(directory)
    try:
        _play(world, played)
    finally:
        world.close()
        shutil.rmtree(directory)


def _play(world: World, played: list[tuple[Owner, str]]) -> None:
    model = Model(world)
    for owner, operation in played:
        model.step(owner, operation)
    model.check_the_end()
