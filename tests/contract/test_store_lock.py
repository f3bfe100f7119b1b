"""What every store promises about the lock of an environment: on the one in memory, on SQLite and on PostgreSQL."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lifecycle.errors import ExitCode
from lifecycle.journal import Status
from lifecycle.lock import Lock, Locked, LostLock
from lifecycle.ports import Store
from lifecycle.revision import KeptFile, Revision
from tests.support.stores import (
    ANNA,
    BERT,
    BLOG,
    MINUTE,
    OVER,
    SHOP,
    T0,
    AnyStore,
    World,
    a_draft,
    a_host,
    an_environment,
    an_intent,
    an_outcome,
    everything,
)


def test_a_token_is_greater_than_every_one_before_even_after_a_release(store: AnyStore) -> None:
    tokens = []
    for _ in range(3):
        lock = store.acquire(SHOP, ANNA, lease=MINUTE)
        tokens.append(lock.token)
        store.release(lock)
    assert tokens == [1, 2, 3]


def test_a_held_lock_is_refused_and_the_holder_named(store: AnyStore, world: World) -> None:
    held = store.acquire(SHOP, ANNA, lease=MINUTE)
    with pytest.raises(Locked, match=r"shop/dev is locked by anna on laptop .*process 100.* since") as refused:
        world.open().acquire(SHOP, BERT, lease=MINUTE)
    assert "baton status" in refused.value.hint
    assert refused.value.exit_code is ExitCode.LOCKED
    assert refused.value.facts["since"] == held.acquired_at.isoformat()
    assert store.holder(SHOP) == held


def test_even_its_own_holder_cannot_take_a_lock_twice(store: AnyStore) -> None:
    store.acquire(SHOP, ANNA, lease=MINUTE)
    with pytest.raises(Locked):
        store.acquire(SHOP, ANNA, lease=MINUTE)


def test_locks_of_two_environments_do_not_touch(store: AnyStore) -> None:
    assert store.acquire(SHOP, ANNA, lease=MINUTE).token == 1
    assert store.acquire(BLOG, BERT, lease=MINUTE).token == 1


def test_a_lease_that_ran_out_holds_no_longer(store: AnyStore) -> None:
    first = store.acquire(SHOP, ANNA, lease=OVER)
    assert store.holder(SHOP) is None
    second = store.acquire(SHOP, BERT, lease=MINUTE)
    assert second.token == first.token + 1
    assert store.holder(SHOP) == second


def test_an_owner_proven_gone_holds_no_longer(store: AnyStore, world: World) -> None:
    store.acquire(SHOP, ANNA, lease=MINUTE)
    world.dead.add(ANNA)
    assert store.holder(SHOP) is None
    assert store.acquire(SHOP, BERT, lease=MINUTE).owner == BERT


def test_a_lock_that_nobody_holds_any_more_says_whose_it_was_and_whether_it_was_given_back(
    store: AnyStore, world: World
) -> None:
    assert store.left(SHOP) is None
    first = store.acquire(SHOP, ANNA, lease=MINUTE)
    assert first.taken_from is None
    assert store.left(SHOP) is None
    world.dead.add(ANNA)
    left = store.left(SHOP)
    assert left is not None
    assert (left.owner, left.given_back) == (ANNA, False)
    second = store.acquire(SHOP, BERT, lease=OVER)
    assert second.taken_from == ANNA
    left = store.left(SHOP)
    assert left is not None
    assert (left.owner, left.given_back) == (BERT, False)
    store.release(second)
    left = store.left(SHOP)
    assert left is not None
    assert (left.owner, left.given_back) == (BERT, True)
    assert store.acquire(SHOP, BERT, lease=MINUTE).taken_from is None


def test_a_renewed_lease_ends_later_under_the_same_token(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=OVER)
    renewed = store.renew(lock, lease=MINUTE)
    assert (renewed.token, renewed.acquired_at) == (lock.token, lock.acquired_at)
    assert renewed.expires_at >= lock.expires_at + MINUTE
    with pytest.raises(Locked):
        store.acquire(SHOP, BERT, lease=MINUTE)


def test_a_released_lock_is_free_and_releasing_it_again_changes_nothing(store: AnyStore) -> None:
    first = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.release(first)
    assert store.holder(SHOP) is None
    second = store.acquire(SHOP, BERT, lease=MINUTE)
    store.release(first)
    assert store.holder(SHOP) == second


def test_a_lease_that_ran_out_while_nobody_came_still_writes(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=OVER)
    store.transition(lock, an_environment(), [a_draft()])
    assert store.environment(SHOP) is not None


def test_a_lock_that_may_write_is_good_and_looking_changes_nothing(store: AnyStore) -> None:
    for lease in (MINUTE, OVER):
        lock = store.acquire(SHOP, ANNA, lease=lease)
        before = everything(store)
        store.check(lock)
        assert everything(store) == before
        store.release(lock)


A_REVISION = Revision(1, "d", T0, "Anna", "blueprint.yaml", files={"blueprint.yaml": KeptFile("b")})
WRITERS: dict[str, Callable[[AnyStore, Lock], object]] = {
    "start_run": lambda store, lock: store.start_run(lock, an_environment(message="stale"), [a_draft()]),
    "transition": lambda store, lock: store.transition(lock, an_environment(message="stale"), [a_draft()]),
    "intend": lambda store, lock: store.intend(lock, [an_intent("stale")]),
    "conclude": lambda store, lock: store.conclude(lock, [an_outcome(Status.FAILED)], [a_draft()]),
    "save_hosts": lambda store, lock: store.save_hosts(lock, [a_host("stale")]),
    "forget_journal": lambda store, lock: store.forget_journal(lock),
    "keep_revision": lambda store, lock: store.keep_revision(lock, A_REVISION, {"b": b"stale"}, [a_draft()]),
    "drop_files": lambda store, lock: store.drop_files(lock, [1]),
    "renew": lambda store, lock: store.renew(lock, lease=MINUTE),
    "check": lambda store, lock: store.check(lock),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("how", ["taken over", "released", "never taken"])
def test_a_stale_lock_writes_nothing(store: AnyStore, writer: str, how: str) -> None:
    good = store.acquire(SHOP, ANNA, lease=OVER)
    store.start_run(good, an_environment(), [a_draft()])
    store.intend(good, [an_intent()])
    store.save_hosts(good, [a_host("a")])
    match how:
        case "taken over":
            stale = good
            store.acquire(SHOP, BERT, lease=MINUTE)
        case "released":
            stale = good
            store.release(good)
        case _:
            stale = replace(good, environment=SHOP, token=good.token + 1)
    before = everything(store)
    with pytest.raises(LostLock, match="the lock on shop/dev was lost") as lost:
        WRITERS[writer](store, stale)
    assert everything(store) == before
    assert lost.value.exit_code is ExitCode.LOCKED
    if how == "taken over":
        assert "bert on server" in lost.value.message


def test_every_writing_method_of_the_port_is_fenced() -> None:
    reading = {
        "environment",
        "environments",
        "acquire",
        "release",
        "holder",
        "left",
        "journal",
        "hosts",
        "ledger",
        "key",
    }
    reading |= {"revisions", "contents", "bundles"}
    reading |= {"publish"}  # no environment's
    methods = {name for name in vars(Store) if not name.startswith("_")}
    assert methods - reading == set(WRITERS)
