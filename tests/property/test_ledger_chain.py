"""A chain that was not touched is valid; touched anywhere, it is not."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from lifecycle.ledger import Broken, Draft, LedgerEntry, Unsealed, append, link_hash, overall, verify

T0 = datetime(2026, 1, 1, tzinfo=UTC)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
payloads = st.lists(st.dictionaries(st.text(), json_values, max_size=3), min_size=1, max_size=8)
keys = st.just(b"") | st.binary(min_size=1, max_size=32)


def chain_of(data: list[dict[str, object]], key: bytes = b"", before: Iterable[LedgerEntry] = ()) -> list[LedgerEntry]:
    entries = [*before]
    for n, payload in enumerate(data):
        head = (entries[-1].seq, entries[-1].hash) if entries else None
        draft = Draft("baton.test", "shop/dev", T0, payload)
        entries.append(append(draft, head=head, event_id=f"id-{n}", source="baton", key=key))
    return entries


@given(payloads, keys)
def test_every_chain_of_any_data_is_valid_and_gives_its_data_back(data: list[dict[str, object]], key: bytes) -> None:
    chain = chain_of(data, key)
    assert verify(chain, key=key) == (len(data), chain[-1].hash)
    assert [entry.decoded["data"] for entry in chain] == data


@given(payloads, st.data())
def test_a_change_of_any_field_of_any_entry_shows_at_that_entry_or_the_next(
    data: list[dict[str, object]], draw: st.DataObject
) -> None:
    chain = chain_of(data)
    place = draw.draw(st.integers(0, len(chain) - 1))
    field = draw.draw(st.sampled_from(["event", "hash", "prev"]))
    old = getattr(chain[place], field)
    new = draw.draw(st.text(max_size=80))
    assume(new != old)
    chain[place] = replace(chain[place], **{field: new})  # type: ignore[arg-type]  # all three are text
    broken = verify(chain)
    assert isinstance(broken, Broken)
    assert broken.seq == place + 1


@given(payloads, st.data())
def test_an_entry_that_is_missing_shows_and_a_cut_tail_shows_against_the_head(
    data: list[dict[str, object]], draw: st.DataObject
) -> None:
    chain = chain_of(data)
    head = (chain[-1].seq, chain[-1].hash)
    place = draw.draw(st.integers(0, len(chain) - 1))
    left = chain[:place] + chain[place + 1 :]
    if place < len(chain) - 1:
        assert verify(left) == Broken(place + 1, f"entry {place + 1} is missing (found {place + 2})")
    else:
        assert not isinstance(verify(left), Broken)
    assert isinstance(verify(left, head=head), Broken)
    assert verify(chain, head=head) == head


@given(payloads, st.data())
def test_swapped_entries_show(data: list[dict[str, object]], draw: st.DataObject) -> None:
    assume(len(data) > 1)
    chain = chain_of(data)
    one, other = draw.draw(st.lists(st.integers(0, len(chain) - 1), min_size=2, max_size=2, unique=True))
    chain[one], chain[other] = chain[other], chain[one]
    assert verify(chain) == Broken(
        min(one, other) + 1, f"entry {min(one, other) + 1} is missing (found {max(one, other) + 1})"
    )


@given(payloads)
def test_a_chain_that_was_written_anew_shows_only_with_a_key_or_a_published_head(
    data: list[dict[str, object]],
) -> None:
    key = b"k" * 32
    true_chain, keyed = chain_of(data), chain_of(data, key)
    forged = chain_of([*data[:-1], {"forged": True}])
    assume(data[-1] != {"forged": True})
    head = (true_chain[-1].seq, true_chain[-1].hash)
    assert not isinstance(verify(forged), Broken)
    assert verify(forged, head=head) == Broken(head[0], "differs from the published head")
    assert isinstance(verify(forged, key=key), Broken)
    assert verify(keyed, key=key) == (len(data), keyed[-1].hash)


@given(payloads, payloads, st.binary(min_size=1, max_size=32))
def test_a_chain_that_was_begun_in_the_plain_is_covered_by_its_first_sealed_entry(
    begun: list[dict[str, object]], continued: list[dict[str, object]], key: bytes
) -> None:
    plain = chain_of(begun)
    chain = chain_of(continued, key, plain)
    assert verify(chain, key=key) == (len(chain), chain[-1].hash)
    assert isinstance(verify(plain, key=key), Unsealed)
    assert verify(plain, key=key, head=(len(plain), plain[-1].hash)) == (len(plain), plain[-1].hash)
    without = verify(chain)
    assert isinstance(without, Broken)
    assert without.seq == len(plain) + 1

    other = chain_of([{"forged": True}, *begun[1:]])
    assume(other[-1].hash != plain[-1].hash)
    assert isinstance(verify([*other, *chain[len(plain) :]], key=key), Broken)
    downgraded = verify(chain_of([{}], b"", chain), key=key)
    assert downgraded == Broken(len(chain) + 1, "not sealed, and an entry before it is")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2))
def test_a_link_depends_on_its_place(events: list[str]) -> None:
    one, other = events
    assert link_hash("a", 1, one) != link_hash("a", 2, one)
    assert link_hash("a", 1, one) != link_hash("b", 1, one)
    assert (link_hash("a", 1, one) == link_hash("a", 1, other)) is (one == other)


heads = st.dictionaries(
    st.text("abc/", min_size=1, max_size=4),
    st.tuples(st.integers(1, 3), st.text("0f", min_size=4, max_size=4)),
    max_size=3,
)


@given(heads, heads)
def test_the_hash_over_all_heads_is_equal_only_for_equal_heads(
    one: dict[str, tuple[int, str]], other: dict[str, tuple[int, str]]
) -> None:
    assert (overall(one) == overall(other)) is (one == other)
    assert overall(dict(reversed(one.items()))) == overall(one)
