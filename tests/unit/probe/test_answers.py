"""Answers against what was wanted: JSON bodies and database rows."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.probe.http import differences
from adapters.probe.sql import plain, same

BODY = {"status": "ok", "db": {"up": True, "hosts": ["a", "b"]}, "a.b": 1, "n": 1.0}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"status": "ok"},
        {"db": {"up": True}},
        {"db.up": True},
        {"db.hosts": ["a", "b"]},
        {"a.b": 1},
        {"n": 1},
        {"db": {"hosts": ("a", "b")}},
    ],
)
def test_of_a_body_only_what_is_named_must_be_there(wanted: Any) -> None:
    assert differences(wanted, BODY) == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"status": "bad"}, 'body.status is "ok", wanted "bad"'),
        ({"db": {"up": 1}}, "body.db.up is true, wanted 1"),
        ({"db.down": True}, "body.db.down is not there"),
        ({"db": {"hosts": ["a"]}}, 'body.db.hosts is ["a", "b"], wanted ["a"]'),
        ({"db": {"hosts": ["a", "c"]}}, 'body.db.hosts[1] is "b", wanted "c"'),
        ({"status": {"deep": 1}}, "body.status is not a mapping"),
        ({"missing": None}, "body.missing is not there"),
        ([1], 'body is {"status"'),
    ],
)
def test_a_difference_is_told_with_its_place(wanted: Any, said: str) -> None:
    [told] = differences(wanted, BODY)
    assert told.startswith(said)


def test_every_difference_is_told() -> None:
    assert len(differences({"status": 1, "db": {"up": False}, "none": 0}, BODY)) == 3


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (1, 1),
        (1, Decimal("1.00")),
        (1.5, Decimal("1.5")),
        ("1.5", Decimal("1.5")),
        ("1", 1),
        (True, 1),
        (False, 0),
        (None, None),
        ("abc", b"abc"),
        ("true", True),
        ("2026-01-02", date(2026, 1, 2)),
        ("2026-01-02T03:04:05+00:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (90, timedelta(seconds=90)),
        ([1, "x", None], [Decimal(1), "x", None]),
    ],
)
def test_a_value_of_the_database_equals_what_a_person_would_write(wanted: Any, found: Any) -> None:
    assert same(plain(wanted), plain(found))


@pytest.mark.parametrize(
    ("wanted", "found"), [(1, 2), ("1", "2"), (None, 0), (0, None), ("", None), (True, 2), ("a", b"b")]
)
def test_different_values_differ(wanted: Any, found: Any) -> None:
    assert not same(plain(wanted), plain(found))


def test_rows_of_different_length_differ() -> None:
    assert not same([1], [1, 2])
