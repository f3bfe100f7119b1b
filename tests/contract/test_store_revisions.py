"""What every store promises of revisions: run on the one in memory, on SQLite and on PostgreSQL."""

from dataclasses import replace

import pytest

from lifecycle.ledger import verify
from lifecycle.lock import Lock, LostLock
from lifecycle.revision import KeptFile, Revision
from tests.support.stores import (
    ANNA,
    BLOG,
    MINUTE,
    SHOP,
    T0,
    AnyStore,
    a_draft,
)

ONE = Revision(
    number=1,
    digest="d1",
    at=T0,
    by="Anna on laptop",
    blueprint="shop/blueprint.yaml",
    inputs={"web_count": 2, "zones": ["a", "b"]},
    parts={"blueprint": "b", "stack web": "w"},
    files={"shop/blueprint.yaml": KeptFile("b"), "web/run.sh": KeptFile("r", executable=True)},
)
TWO = replace(ONE, number=2, digest="d2", files={"shop/blueprint.yaml": KeptFile("b"), "web/run.sh": KeptFile("r2")})
CONTENTS = {"b": b"blueprint: 1\n", "r": b"\x00\xff\x7fELF"}


@pytest.fixture
def lock(store: AnyStore) -> Lock:
    return store.acquire(SHOP, ANNA, lease=MINUTE)


def test_a_revision_comes_back_as_it_was_with_its_files(store: AnyStore, lock: Lock) -> None:
    store.keep_revision(lock, ONE, CONTENTS, [a_draft()])
    assert list(store.revisions(SHOP)) == [ONE]
    assert dict(store.contents(["b", "r", "nobody"])) == CONTENTS
    assert verify(list(store.ledger(SHOP)))[0] == 1  # type: ignore[index]


def test_a_content_is_kept_while_anybody_names_it(store: AnyStore, lock: Lock) -> None:
    blog = store.acquire(BLOG, ANNA, lease=MINUTE)
    store.keep_revision(lock, ONE, CONTENTS, [])
    store.keep_revision(lock, TWO, {"b": CONTENTS["b"], "r2": b"two"}, [])
    store.keep_revision(blog, replace(ONE, files={"x": KeptFile("r")}), {"r": CONTENTS["r"]}, [])
    store.drop_files(lock, [1])
    assert [len(one.files) for one in store.revisions(SHOP)] == [0, 2]
    assert set(store.contents(["b", "r", "r2"])) == {"b", "r", "r2"}
    store.forget_journal(lock)
    assert [(one.number, one.digest, len(one.files)) for one in store.revisions(SHOP)] == [(1, "d1", 0), (2, "d2", 0)]
    assert set(store.contents(["b", "r", "r2"])) == {"r"}


def test_a_number_is_used_once_and_nothing_is_half_written(store: AnyStore, lock: Lock) -> None:
    store.keep_revision(lock, ONE, CONTENTS, [])
    with pytest.raises(Exception, match=r"(?i)unique|kept already"):
        store.keep_revision(lock, replace(TWO, number=1), {"r2": b"two"}, [a_draft()])
    assert list(store.revisions(SHOP)) == [ONE]
    assert not store.contents(["r2"])
    assert not list(store.ledger(SHOP))


def test_who_lost_the_lock_keeps_nothing(store: AnyStore, lock: Lock) -> None:
    store.release(lock)
    with pytest.raises(LostLock):
        store.keep_revision(lock, ONE, CONTENTS, [])
    with pytest.raises(LostLock):
        store.drop_files(lock, [1])
    assert not list(store.revisions(SHOP))
