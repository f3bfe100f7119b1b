"""Digests: equal for equal values, however these are written; keyed where a secret may be inside."""

import hashlib

import pytest

from lifecycle.digest import canonical, digest
from lifecycle.sensitive import Sensitive


def test_the_order_of_keys_and_the_kind_of_list_do_not_matter() -> None:
    assert canonical({"b": (1, 2), "a": {"y": None, "x": True}}) == '{"a":{"x":true,"y":null},"b":[1,2]}'
    assert digest({"b": (1, 2), "a": 1}) == digest({"a": 1, "b": [1, 2]})


def test_a_digest_is_sha_256_of_the_canonical_text() -> None:
    assert digest({"ü": 1}) == hashlib.sha256('{"ü":1}'.encode()).hexdigest()


def test_a_set_has_an_order() -> None:
    assert digest({"groups": {"web", "db"}}) == digest({"groups": {"db", "web"}}) == digest({"groups": ["db", "web"]})


@pytest.mark.parametrize(
    ("one", "other"), [({"a": 1}, {"a": "1"}), ([1, 2], [2, 1]), ({"a": None}, {}), ("", None), (0, False)]
)
def test_different_values_have_different_digests(one: object, other: object) -> None:
    assert digest(one) != digest(other)


def test_a_digest_under_a_key_cannot_be_guessed_without_it() -> None:
    value = {"password": Sensitive("hunter2")}
    assert digest(value, b"k") != digest(value)
    assert digest(value, b"k") != digest(value, b"l")
    assert digest(value, b"k") == digest({"password": Sensitive("hunter2")}, b"k")


def test_another_secret_is_another_digest_and_a_secret_is_not_its_text() -> None:
    assert digest(Sensitive("a"), b"k") != digest(Sensitive("b"), b"k")
    assert digest(Sensitive("a"), b"k") != digest("a", b"k")
    assert digest([Sensitive({"a": [1]})], b"k") == digest([Sensitive({"a": (1,)})], b"k")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": object()}, b"bytes"])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        digest(value)
