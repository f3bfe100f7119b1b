"""What every store promises: run on the one in memory, on SQLite and on PostgreSQL."""

import threading
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from lifecycle.environment import EnvironmentRef, Phase, transition
from lifecycle.errors import BatonError
from lifecycle.inventory import Connection, Trust
from lifecycle.journal import Kind, Status
from lifecycle.ledger import Broken, Draft, overall, verify
from lifecycle.lock import Lock, Locked
from lifecycle.ports import Store
from lifecycle.sensitive import Sensitive
from tests.support.stores import (
    ANNA,
    BLOG,
    MINUTE,
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


def test_it_is_a_store(store: AnyStore) -> None:
    port: Store = store
    assert port.environments() == []


# Environments


def test_an_environment_comes_back_as_it_was_written(store: AnyStore, world: World) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    written = an_environment(
        phase=Phase.QUARANTINED,
        updated_at=T0 + timedelta(microseconds=1),
        message="Zürich → 東京\n\ttwo lines",
        blueprint_path="/srv/ünïcode/shop.yaml",
        cloud="local",
        run=7,
        facts={"nested": {"list": [1, 2.5, None, True, "x"]}, "empty": {}},
    )
    store.transition(lock, written, [])
    assert world.open().environment(SHOP) == written


def test_times_come_back_in_utc(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    elsewhere = T0.astimezone(timezone(timedelta(hours=5, minutes=30)))
    store.transition(lock, an_environment(created_at=elsewhere), [])
    read = store.environment(SHOP)
    assert read is not None
    assert read.created_at == T0
    assert lock.acquired_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_can_be_kept(store: AnyStore, phase: Phase) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.transition(lock, an_environment(phase=phase), [])
    read = store.environment(SHOP)
    assert read is not None
    assert read.phase is phase


def test_an_unknown_environment_is_none(store: AnyStore) -> None:
    assert store.environment(SHOP) is None
    assert store.holder(SHOP) is None
    assert store.journal(SHOP).records == {}
    assert store.hosts(SHOP) == []
    assert list(store.ledger(SHOP)) == []


def test_environments_are_listed_by_name(store: AnyStore) -> None:
    refs = [EnvironmentRef("shop", "dev"), EnvironmentRef("shop-b", "a"), EnvironmentRef("Blog", "x"), BLOG]
    for ref in refs:
        store.transition(store.acquire(ref, ANNA, lease=MINUTE), an_environment(ref), [])
    assert [e.ref for e in store.environments()] == sorted(refs)


def test_runs_are_numbered_from_one_whatever_the_caller_says(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    assert store.start_run(lock, an_environment(run=41), []).run == 1
    assert store.start_run(lock, an_environment(run=0), []).run == 2
    read = store.environment(SHOP)
    assert read is not None
    assert read.run == 2


def test_an_environment_is_not_written_under_the_lock_of_another(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    with pytest.raises(ValueError, match="under the lock of shop/dev"):
        store.transition(lock, an_environment(BLOG), [])
    assert store.environment(BLOG) is None


@pytest.mark.parametrize("bad", [a_draft(BLOG), a_draft(value=float("nan"))], ids=["another's", "no JSON"])
def test_a_change_without_its_ledger_entry_is_not_kept(store: AnyStore, bad: Draft) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.transition(lock, an_environment(), [a_draft()])
    store.intend(lock, [an_intent()])
    before = everything(store)
    with pytest.raises(ValueError, match=r"."):
        store.transition(lock, an_environment(phase=Phase.READY), [a_draft(), bad])
    with pytest.raises(ValueError, match=r"."):
        store.conclude(lock, [an_outcome()], [bad])
    assert everything(store) == before


# The journal


def test_an_intent_is_unknown_until_its_outcome_is_written(store: AnyStore, world: World) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.intend(lock, [an_intent()])
    assert world.open().journal(SHOP).unknown == (an_intent(),)
    outcome = replace(an_outcome(message="3 added"), detail={"added": 3, "by": ("a", "b")})
    store.conclude(lock, [outcome])
    read = world.open().journal(SHOP).get(Kind.APPLY, "network")
    assert read == replace(outcome, detail={"added": 3, "by": ["a", "b"]})
    assert store.journal(SHOP).unknown == ()
    assert len(store.records(SHOP, 1)) == 1


def test_what_only_looks_needs_no_intent(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    outcome = an_outcome(Status.OK, "i-1", 1, Kind.AWAIT)
    store.conclude(lock, [outcome])
    assert store.journal(SHOP).get(Kind.AWAIT, "i-1") == outcome


def test_an_outcome_keeps_the_time_of_its_intent(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.intend(lock, [an_intent()])
    store.conclude(lock, [replace(an_outcome(), intended_at=T0 + timedelta(seconds=30))])
    assert store.records(SHOP, 1)[0].intended_at == T0


def test_a_failure_hides_the_success_before_it(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    for run, status in ((1, Status.OK), (2, Status.FAILED)):
        store.intend(lock, [an_intent("web@i-1", run, Kind.CONFIGURE)])
        store.conclude(lock, [an_outcome(status, "web@i-1", run, Kind.CONFIGURE)])
        assert store.journal(SHOP).configured("web", "i-1", "d1") is (status is Status.OK)


def test_an_intent_hides_the_success_before_it(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.conclude(lock, [an_outcome()])
    store.intend(lock, [an_intent(run=2)])
    assert store.journal(SHOP).unknown == (an_intent(run=2),)


def test_an_outcome_goes_to_the_newest_open_intent_of_its_own_run(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.intend(lock, [an_intent(run=1)])  # run 1 is killed here
    store.intend(lock, [an_intent(run=2, digest="d2"), an_intent("other", run=2)])
    store.intend(lock, [an_intent(run=2, digest="d3")])
    store.conclude(lock, [an_outcome(Status.OK, "network", 2, digest="d3")])
    assert [(r.input_digest, r.status) for r in store.records(SHOP, 2)] == [
        ("d2", None),
        ("d1", None),
        ("d3", Status.OK),
    ]
    assert [r.status for r in store.records(SHOP, 1)] == [None]
    assert store.journal(SHOP).unknown == (an_intent("other", run=2),)


def test_the_records_of_a_run_are_kept_in_order(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.intend(lock, [an_intent("z"), an_intent("a")])
    store.conclude(lock, [an_outcome(Status.OK, "seen", 1, Kind.VERIFY), an_outcome(Status.CANCELLED, "a")])
    store.intend(lock, [an_intent("later", run=2)])
    assert [(r.subject, r.status) for r in store.records(SHOP, 1)] == [
        ("z", None),
        ("a", Status.CANCELLED),
        ("seen", Status.OK),
    ]
    assert store.runs(SHOP) == [1, 2]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("status", Status)
def test_every_kind_and_status_can_be_kept(store: AnyStore, kind: Kind, status: Status) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    outcome = an_outcome(status, kind=kind)
    store.conclude(lock, [outcome])
    assert store.records(SHOP, 1) == [outcome]


def test_an_intent_with_an_outcome_and_an_outcome_without_one_are_refused(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    with pytest.raises(ValueError, match="intent"):
        store.intend(lock, [an_outcome()])
    with pytest.raises(ValueError, match="outcome"):
        store.conclude(lock, [an_intent()])


def test_nothing_to_write_is_fine(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.intend(lock, [])
    store.conclude(lock, [], [])
    store.save_hosts(lock, [])
    assert store.journal(SHOP).records == {}


def test_what_a_tool_printed_is_kept_whatever_bytes_were_in_it(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    printed = b"disk \x00\xff full".decode("utf-8", "surrogateescape")
    store.transition(lock, an_environment(message=printed), [a_draft(message=printed)])
    store.conclude(lock, [replace(an_outcome(message=printed), detail={"stderr": printed})])
    (record,) = store.records(SHOP, 1)
    assert record.message.startswith("disk ")
    assert record.detail == {"stderr": printed}
    (entry,) = store.ledger(SHOP)
    assert entry.decoded["data"] == {"message": printed}
    assert verify([entry]) == (1, entry.hash)


# Hosts


def test_hosts_come_back_as_they_were_saved_and_are_replaced_as_a_whole(store: AnyStore, world: World) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    full = a_host(
        "z",
        connection=Connection("10.0.0.9", 2222, "admin", "/keys/dev", "jump@bastion:22", "ssh -W %h:%p x", True, False),
        groups=("web", "all"),
        tags={"Name": "z", "ünï": "code"},
        host_key="ssh-ed25519 AAAA",
        trust=(Trust.CA, Trust.FIRST_USE),
        ca="ssh-ed25519 BBBB",
        offered_key="ssh-ed25519 CCCC",
        facts={"private_address": "10.0.0.9", "cores": 2},
    )
    store.save_hosts(lock, [full, a_host("a")])
    assert world.open().hosts(SHOP) == [full, a_host("a")]
    store.save_hosts(lock, [a_host("b")])
    assert store.hosts(SHOP) == [a_host("b")]
    assert store.hosts(BLOG) == []


def test_a_private_key_is_never_stored(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----"
    with pytest.raises(BatonError, match="holds a private key"):
        store.save_hosts(lock, [a_host("a"), a_host("b", connection=Connection("10.0.0.6", key=key))])
    assert store.hosts(SHOP) == []


# The ledger


def test_a_ledger_entry_is_a_cloud_event_in_a_chain(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    environment, draft = transition(an_environment(), Phase.PLANNING, at=T0)
    store.transition(lock, environment, [draft, a_draft(n=1)])
    first, second = store.ledger(SHOP)
    assert first.decoded == {
        "specversion": "1.0",
        "id": "id-1",
        "type": "baton.environment.phase",
        "source": "baton",
        "subject": "shop/dev",
        "time": "2026-11-23T01:39:00.123456Z",
        "datacontenttype": "application/json",
        "data": {"from": "new", "to": "planning", "message": "", "run": 0},
    }
    assert (first.chain, first.seq, second.seq, second.prev) == ("shop/dev", 1, 2, first.hash)
    assert verify(store.ledger(SHOP)) == (2, second.hash)


def test_a_long_chain_is_read_whole_even_while_it_grows(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.transition(lock, an_environment(), [a_draft(n=n) for n in range(1100)])
    reading = iter(store.ledger(SHOP))
    first = next(reading)
    store.transition(lock, an_environment(), [a_draft(n="meanwhile")])
    read = [first, *reading]
    assert [entry.seq for entry in read[:1100]] == list(range(1, 1101))
    assert not isinstance(verify(read), Broken)
    assert verify(store.ledger(SHOP))[0] == 1101  # type: ignore[index]


def test_every_environment_has_a_chain_of_its_own_and_one_hash_covers_their_heads(store: AnyStore) -> None:
    assert store.heads() == {}
    for ref, entries in ((SHOP, 2), (BLOG, 1)):
        lock = store.acquire(ref, ANNA, lease=MINUTE)
        store.transition(lock, an_environment(ref), [a_draft(ref, n=n) for n in range(entries)])
    heads = store.heads()
    assert {chain: seq for chain, (seq, _) in heads.items()} == {"shop/dev": 2, "blog/prod": 1}
    assert heads["shop/dev"] == verify(store.ledger(SHOP))
    published = overall(heads)
    store.transition(lock, an_environment(BLOG), [a_draft(BLOG)])
    assert overall(store.heads()) != published


def test_forgetting_the_journal_keeps_the_environment_its_numbers_and_its_ledger(store: AnyStore) -> None:
    for ref in (SHOP, BLOG):
        lock = store.acquire(ref, ANNA, lease=MINUTE)
        store.start_run(lock, an_environment(ref), [a_draft(ref)])
        store.intend(lock, [an_intent()])
        store.save_hosts(lock, [a_host("a")])
    store.forget_journal(lock)
    assert store.journal(BLOG).records == {}
    assert store.hosts(BLOG) == []
    assert len(list(store.ledger(BLOG))) == 1
    assert store.start_run(lock, an_environment(BLOG), []).run == 2
    assert store.journal(SHOP).unknown == (an_intent(),)
    assert store.hosts(SHOP) == [a_host("a")]


# Secrets and threads


def test_a_secret_is_masked_wherever_it_was_put(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    secret: dict[str, Any] = {"password": Sensitive("hunter2")}
    store.transition(lock, an_environment(facts=secret), [a_draft(**secret)])
    store.conclude(lock, [replace(an_outcome(), detail=secret)])
    store.save_hosts(lock, [a_host("a", facts=secret)])
    environment, (record,), (host,) = store.environment(SHOP), store.records(SHOP, 1), store.hosts(SHOP)
    assert environment is not None
    masked = {"password": "***"}
    assert [environment.facts, record.detail, host.facts] == [masked] * 3
    (entry,) = store.ledger(SHOP)
    assert entry.decoded["data"] == masked


def test_the_key_stays_the_same(store: AnyStore, world: World) -> None:
    assert len(store.key) == 32
    assert world.open().key == store.key


def test_many_threads_under_one_lock_lose_nothing(store: AnyStore) -> None:
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    store.start_run(lock, an_environment(), [])
    failed: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for n in range(10):
                subject = f"{name}-{n}"
                store.intend(lock, [an_intent(subject)])
                store.conclude(lock, [an_outcome(Status.OK, subject)], [a_draft(subject=subject)])
                store.renew(lock, lease=MINUTE)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(store.journal(SHOP).records) == 60
    assert not store.journal(SHOP).unknown
    entries = list(store.ledger(SHOP))
    assert verify(entries)[0] == 60  # type: ignore[index]
    assert len({entry.decoded["data"]["subject"] for entry in entries}) == 60


def test_only_one_of_many_gets_the_lock(store: AnyStore, world: World) -> None:
    stores = [world.open() for _ in range(6)]
    won: list[Lock] = []
    refused: list[Locked] = []

    def race(mine: AnyStore, pid: int) -> None:
        try:
            won.append(mine.acquire(SHOP, replace(ANNA, pid=pid), lease=MINUTE))
        except Locked as error:
            refused.append(error)

    threads = [threading.Thread(target=race, args=(mine, pid)) for pid, mine in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(refused) == 5
    assert store.holder(SHOP) == won[0]
