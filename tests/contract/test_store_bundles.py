"""What every store promises of bundles: run on the one in memory, on SQLite and on PostgreSQL."""

from dataclasses import replace

import pytest

from lifecycle.bundle import Bundle, BundleExists, bundle
from lifecycle.revision import KeptFile, Revision
from tests.support.stores import ANNA, MINUTE, SHOP, T0, AnyStore

FILES = {"shop/blueprint.yaml": KeptFile("b"), "web/run.sh": KeptFile("r", executable=True)}
CONTENTS = {"b": b"blueprint: 1\n", "r": b"\x00\xff\x7fELF"}


def a_bundle(version: str = "", *, name: str = "shop", digest: str = "b") -> Bundle:
    files = {**FILES, "shop/blueprint.yaml": KeptFile(digest)}
    return bundle(name, version, at=T0, by="Anna on laptop", blueprint="shop/blueprint.yaml", files=files)


def test_a_bundle_comes_back_as_it_was_with_its_files(store: AnyStore) -> None:
    one = store.publish(a_bundle(), CONTENTS)
    assert one == replace(a_bundle(), version="1")
    assert list(store.bundles()) == [one]
    assert dict(store.contents(["b", "r"])) == CONTENTS


def test_the_same_is_not_published_twice_and_another_gets_the_next_number(store: AnyStore) -> None:
    store.publish(a_bundle(), CONTENTS)
    assert store.publish(replace(a_bundle(), by="Ben on desktop"), CONTENTS).by == "Anna on laptop"
    assert store.publish(a_bundle(digest="c"), {"c": b"c"}).version == "2"
    assert store.publish(a_bundle(), CONTENTS).version == "3"
    assert store.publish(a_bundle("1.0", name="blog"), CONTENTS).reference == "store:blog@1.0"
    assert [one.reference for one in store.bundles()] == ["store:blog@1.0", *(f"store:shop@{n}" for n in (1, 2, 3))]
    assert [one.version for one in store.bundles("blog")] == ["1.0"]


def test_a_version_never_changes(store: AnyStore) -> None:
    one = store.publish(a_bundle("1.0"), CONTENTS)
    assert store.publish(a_bundle("1.0"), CONTENTS) == one
    with pytest.raises(BundleExists, match=r"store:shop@1\.0 was published by Anna on laptop"):
        store.publish(a_bundle("1.0", digest="c"), {"c": b"c"})
    assert list(store.bundles()) == [one]
    assert not store.contents(["c"])


def test_contents_of_bundles_stay_when_revisions_let_go_of_them(store: AnyStore) -> None:
    store.publish(a_bundle(), CONTENTS)
    lock = store.acquire(SHOP, ANNA, lease=MINUTE)
    kept = Revision(
        1, "d1", T0, "Anna", "shop/blueprint.yaml", files={**FILES, "x": KeptFile("x")}, source="store:shop@1"
    )
    store.keep_revision(lock, kept, {**CONTENTS, "x": b"x"}, [])
    assert list(store.revisions(SHOP)) == [kept]
    store.forget_journal(lock)
    assert set(store.contents(["b", "r", "x"])) == {"b", "r"}
