"""What the ledger says, and the head that a run ends with."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import settings
from adapters.registry import open_store
from baton.heads import head_fields, head_of_failures, tell_head
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.lock import Locked
from tests.support.ledgers import Say, objects
from tests.support.stores import ANNA, MINUTE, SHOP


def numbers(out: str) -> Iterator[tuple[str, int]]:
    for one in objects(out):
        yield one["environment"], one["event"]["data"]["n"]


def test_the_log_tells_of_all_environments_in_the_order_of_time(home: Path, baton: Say) -> None:
    code, out, _ = baton("audit", "log", "--json")
    assert code == 0
    assert list(numbers(out)) == [
        ("blog/prod", 1),
        ("shop/dev", 1),
        ("blog/prod", 2),
        ("shop/dev", 2),
        *(("shop/dev", n) for n in (3, 4, 5)),
    ]
    lines = baton("audit", "log", "--environment", "shop/dev")[1].splitlines()
    assert len(lines) == 6
    assert re.match(r"2026-11-23 06:39:00 +shop/dev +5 +1 +baton.test", lines[-1])


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2026-11-23T05:39:00.2Z", [5]),
        ("2026-11-23T06:39:01+01:00", [5]),
        ("2026-11-23T05:39", [4, 5]),
        ("2026-11-23", [1, 2, 3, 4, 5]),
        ("2026-11-24", []),
        ("9999w", [1, 2, 3, 4, 5]),
    ],
)
def test_the_log_begins_where_it_is_told_to(home: Path, baton: Say, since: str, expected: list[int]) -> None:
    out = baton("audit", "log", "--environment", "shop/dev", "--since", since, "--json")[1]
    assert [n for _, n in numbers(out)] == expected


@pytest.mark.parametrize("since", ["yesterday", "3x", "2026-13-01", "999999999w"])
def test_what_is_no_moment_is_wrong_usage(home: Path, baton: Say, since: str) -> None:
    code, _, err = baton("audit", "log", "--since", since)
    assert code == 64
    assert f"'{since}' is not a moment" in err


@pytest.mark.parametrize("verb", ["log", "export"])
def test_an_environment_that_was_never_begun_is_wrong_usage(home: Path, baton: Say, verb: str) -> None:
    code, _, err = baton("audit", verb, "--environment", "nothing/here")
    assert code == 64
    assert "there is no environment nothing/here" in err


def test_a_ledger_without_entries_is_whole(baton: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_HOME", str(tmp_path / "empty"))
    assert baton("audit", "verify")[:2] == (0, "nothing is recorded\n")
    assert baton("audit", "log")[:2] == (0, "nothing is recorded\n")
    assert baton("audit", "export")[:2] == (0, "")


# The head at the end of a run


def test_the_head_is_told_on_stderr_as_verify_takes_it(
    home: Path, baton: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_head(SHOP)
    told = capsys.readouterr()
    assert told.out == ""
    head = told.err.removeprefix("ledger ").strip()
    assert baton("audit", "verify", "--head", head)[0] == 0
    fields = head_fields(SHOP)
    assert fields is not None
    assert head == f"shop/dev@{fields['seq']}:{fields['hash']}"


def test_no_head_is_told_of_what_has_none(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    never = EnvironmentRef("never", "begun")
    tell_head(never)
    assert head_fields(never) is None
    assert capsys.readouterr().err == ""


def test_a_run_that_failed_tells_the_head_too(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BatonError), head_of_failures(SHOP, as_json=False):
        raise BatonError("no")
    assert "ledger shop/dev@5:" in capsys.readouterr().err
    with pytest.raises(BatonError) as error, head_of_failures(SHOP, as_json=True):
        raise BatonError("no", facts={"more": 1})
    assert error.value.facts == {"more": 1, "ledger": head_fields(SHOP)}
    assert capsys.readouterr().err == ""


def test_a_run_that_did_not_begin_tells_no_head(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(settings.load()) as store:
        store.acquire(SHOP, ANNA, lease=MINUTE)
        with pytest.raises(Locked), head_of_failures(SHOP, as_json=False):
            store.acquire(SHOP, ANNA, lease=MINUTE)
    assert capsys.readouterr().err == ""
