"""The ledger: CloudEvents as canonical text, linked."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from lifecycle.ledger import GENESIS, Broken, Draft, LedgerEntry, append, overall, verify

T0 = datetime(2026, 11, 23, 1, 39, tzinfo=UTC)


def an_entry(head: tuple[int, str] | None = None, at: datetime = T0, **data: object) -> LedgerEntry:
    return append(Draft("baton.test", "shop/dev", at, data), head=head, event_id="id-1", source="baton")


def test_an_entry_is_exactly_this_text_and_this_hash() -> None:
    """The format is a promise to everybody who checks a ledger with a tool of their own."""
    text = (
        '{"data":{"a":"ü","b":[1,2]},"datacontenttype":"application/json","id":"id-1","source":"baton",'
        '"specversion":"1.0","subject":"shop/dev","time":"2026-11-23T01:39:00Z","type":"baton.test"}'
    )
    entry = an_entry(b=[1, 2], a="ü")
    assert entry.event == text
    assert entry.hash == hashlib.sha256(f"{'0' * 64}\n1\n{text}".encode()).hexdigest()
    assert (entry.chain, entry.seq, entry.prev) == ("shop/dev", 1, GENESIS)


def test_the_next_entry_names_the_hash_of_the_one_before() -> None:
    first = an_entry()
    second = an_entry((first.seq, first.hash))
    assert (second.seq, second.prev) == (2, first.hash)
    assert verify([first, second]) == (2, second.hash)


def test_a_time_of_another_zone_is_kept_with_its_offset() -> None:
    entry = an_entry(at=T0.astimezone(timezone(timedelta(hours=2))))
    assert entry.decoded["time"] == "2026-11-23T03:39:00+02:00"


def test_no_entry_is_a_valid_chain() -> None:
    assert verify([]) == (0, GENESIS)
    assert verify([], head=(1, "x")) == Broken(1, "the chain ends at 0, the published head is 1")


def test_text_that_is_no_unicode_is_kept() -> None:
    entry = an_entry(message="\udcff")
    assert "\\udcff" in entry.event
    assert entry.decoded["data"]["message"] == "\udcff"
    assert verify([entry]) == (1, entry.hash)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        an_entry(value=value)


def test_dropping_a_whole_chain_changes_the_hash_over_all_heads() -> None:
    heads = {"shop/dev": (3, "aa"), "blog/prod": (1, "bb")}
    assert overall(heads) != overall({"shop/dev": (3, "aa")})
    assert overall({}) == hashlib.sha256(b"").hexdigest()
