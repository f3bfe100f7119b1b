"""What holds of every text, every graph, every reference and every duration."""

import json
from contextlib import suppress
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.blueprint import BlueprintInvalid, Problem, load
from lifecycle.blueprint.graph import cycles, waits
from lifecycle.blueprint.inputs import resolve_inputs
from lifecycle.blueprint.references import Kind, Reference, find, parse, resolve
from lifecycle.blueprint.scalars import format_duration, parse_duration
from lifecycle.blueprint.yaml12 import NotYaml, read
from lifecycle.sensitive import JSON, Sensitive, contains_sensitive, reveal

EVERY_KEY = (Path(__file__).parents[1] / "golden/blueprint/valid-every-key/blueprint.yaml").read_text(encoding="utf-8")
EVERY_KEY_DATA = read(EVERY_KEY).data

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain, inner, max_size=4),
    max_leaves=12,
)


def check(text: str) -> None:
    """A text is a blueprint or it has problems, each with a position inside of it and something to say."""
    problems: tuple[Problem, ...] = ()
    try:
        load(text)
    except BlueprintInvalid as invalid:
        problems = invalid.problems or (Problem("", 0, 0, "", ""),)  # none at all is one too few
    for problem in problems:
        assert 1 <= problem.line <= len(text.splitlines()) + 1
        assert problem.column >= 1
        assert problem.message
        assert "pydantic" not in str(problem)


# --- loading --------------------------------------------------------------------------------------------------------


@given(st.text())
def test_no_text_raises_anything_but_blueprint_invalid(text: str) -> None:
    check(text)


@given(st.text("abc:-?[]{},#&*!|>'\"%@` \n\t01.~<", max_size=60))
def test_no_text_of_yaml_signs_raises_anything_else(text: str) -> None:
    check(text)


@settings(max_examples=200)
@given(st.data())
def test_no_damage_to_a_good_text_raises_anything_else(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(EVERY_KEY)))
    end = data.draw(st.integers(start, min(start + 30, len(EVERY_KEY))))
    between = data.draw(st.text("ab${}[]:*&!-, \n'\"", max_size=8))
    check(EVERY_KEY[:start] + between + EVERY_KEY[end:])


def places(value: JSON) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = [()]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += [(key, *rest) for rest in places(inner)]
    return found


PLACES = places(EVERY_KEY_DATA)


@settings(max_examples=300)
@given(
    st.sampled_from(PLACES),
    jsons | st.sampled_from(["${inputs.web_count}", "${stacks.web.outputs.x}", "web", "check.a"]),
)
def test_any_value_in_any_place_is_taken_or_refused(place: tuple[Any, ...], value: JSON) -> None:
    data = json.loads(json.dumps(EVERY_KEY_DATA))
    if not place:
        data = value
    else:
        holder = data
        for part in place[:-1]:
            holder = holder[part]
        holder[place[-1]] = value
    check(json.dumps(data, ensure_ascii=False, indent=1))


@settings(max_examples=200)
@given(
    st.sampled_from([place for place in PLACES if place]),
    st.sets(st.sampled_from([place for place in PLACES if place]), max_size=5),
)
def test_any_parts_may_be_missing(first: tuple[Any, ...], others: set[tuple[Any, ...]]) -> None:
    data = json.loads(json.dumps(EVERY_KEY_DATA))
    for place in sorted({first, *others}, key=lambda place: (-len(place), str(place))):
        holder = data
        try:
            for part in place[:-1]:
                holder = holder[part]
            del holder[place[-1]]
        except (KeyError, IndexError):
            continue
    check(json.dumps(data, indent=1))


@given(st.dictionaries(plain.filter(lambda key: key != "<<"), jsons, min_size=1))
def test_json_is_read_as_it_is_and_every_value_has_a_position(data: dict[str, JSON]) -> None:
    text = json.dumps(data, indent=2, ensure_ascii=False)
    document = read(text)
    assert document.data == data
    assert document.faults == ()
    assert set(document.values) == set(places(data))
    lines = text.split("\n")
    for path, place in document.values.items():
        if path and isinstance(path[-1], str):
            at_key = lines[document.keys[path].line - 1][document.keys[path].column - 1 :]
            assert at_key.startswith(json.dumps(path[-1], ensure_ascii=False))
        value: JSON = data
        for part in path:
            value = value[part]
        if not isinstance(value, dict | list):
            assert lines[place.line - 1][place.column - 1 :].startswith(json.dumps(value, ensure_ascii=False))


@given(st.text("{}[]&a*:, 1\n-", max_size=200))
def test_reading_ends_for_every_text(text: str) -> None:
    with suppress(NotYaml):
        read(text)


# --- durations ------------------------------------------------------------------------------------------------------


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=365_000)))
def test_a_duration_is_read_back_as_it_was_written(duration: timedelta) -> None:
    duration -= timedelta(microseconds=duration.microseconds % 1000)
    assert parse_duration(format_duration(duration)) == duration


@given(st.text() | st.from_regex(r"([0-9]{1,12}(w|d|h|m|s|ms)){1,4}", fullmatch=True))
def test_every_text_is_a_duration_or_is_none(text: str) -> None:
    found = parse_duration(text)
    assert found is None or found >= timedelta(0)


# --- references -----------------------------------------------------------------------------------------------------

words = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)
paths = st.lists(words | st.integers(0, 999), max_size=3).map(tuple)
inputs = st.builds(Reference, st.just(Kind.INPUT), words, path=paths)
outputs = st.builds(Reference, st.just(Kind.OUTPUT), words, words, paths)
environments = st.builds(Reference, st.just(Kind.ENVIRONMENT), words)
references = inputs | outputs | environments
literals = st.text().filter(lambda text: "$" not in text and "{" not in text)


@given(references)
def test_a_reference_is_read_back_as_it_was_written(reference: Reference) -> None:
    assert parse(str(reference)) == reference


def holding(reference: Reference, value: JSON) -> JSON:
    """A whole value in which the reference's path leads to the given one."""
    for part in reversed(reference.path):
        value = {part: value} if isinstance(part, str) else [None] * part + [value]
    return value


@given(st.lists(literals | references | st.just("$${"), max_size=6), st.text(), st.booleans())
def test_a_text_is_resolved_piece_by_piece_and_is_as_secret_as_its_pieces(
    pieces: list[str | Reference], value: str, secret: bool
) -> None:
    text = "".join(f"${{{piece}}}" if isinstance(piece, Reference) else piece for piece in pieces)
    named = [piece for piece in pieces if isinstance(piece, Reference)]
    expected = "".join(value if isinstance(p, Reference) else "${" if p == "$${" else p for p in pieces)

    def lookup(reference: Reference) -> JSON:
        whole = holding(reference, value)
        return Sensitive(whole) if secret else whole

    found = resolve(text, lookup)
    assert reveal(found) == expected
    assert contains_sensitive(found) == (secret and bool(named))
    assert find(text) == tuple(dict.fromkeys(named))


@given(jsons, references)
def test_one_reference_alone_takes_the_value_as_it_is(value: JSON, reference: Reference) -> None:
    assert resolve(f"${{{reference}}}", lambda found: holding(found, value)) == value


@given(st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10))
def test_what_holds_no_reference_stays_as_it_is(value: JSON) -> None:
    if "${" not in json.dumps(value):
        assert resolve(value, lambda reference: 1 / 0) == value


# --- the graph ------------------------------------------------------------------------------------------------------

names = st.sampled_from("abcdefgh")
graphs = st.dictionaries(names, st.lists(names, max_size=4), max_size=8)


@settings(max_examples=300)
@given(graphs)
def test_circles_are_found_exactly_when_there_are_some_and_are_real(edges: dict[str, list[str]]) -> None:
    found = list(cycles(edges))
    try:
        TopologicalSorter(edges).prepare()
        assert found == []
    except CycleError:
        assert found
    for circle in found:
        assert circle[0] == circle[-1]
        assert len(set(circle)) == len(circle) - 1
        assert all(following in edges[here] for here, following in pairwise(circle))


steps_and_checks = st.tuples(
    st.dictionaries(
        st.sampled_from("abcde"), st.lists(st.sampled_from(["a", "b", "c", "d", "e", "check.x", "check.y", "check.z"]))
    ),
    st.dictionaries(
        st.sampled_from("xyz"), st.none() | st.lists(st.sampled_from(["a", "b", "check.x", "check.y", "check.z"]))
    ),
)


@settings(max_examples=500)
@given(steps_and_checks)
def test_what_is_implied_never_makes_a_circle_and_leaves_out_only_what_waits(parts: tuple[Any, Any]) -> None:
    steps, checks = parts
    explicit = {**steps, **{f"check.{name}": after or [] for name, after in checks.items()}}
    if list(cycles(explicit)):
        return
    full = waits(steps, checks)
    assert list(cycles(full)) == []
    for name, after in checks.items():
        if after is not None:
            assert list(full[f"check.{name}"]) == after
            continue
        for step in steps.keys() - set(full[f"check.{name}"]):
            assert f"check.{name}" in reached(full, step), "a step is left out only because it waits for the check"


def reached(edges: dict[str, tuple[str, ...]], start: str) -> set[str]:
    sorter: set[str] = set()
    left = [start]
    while left:
        for following in edges.get(left.pop(), ()):
            if following not in sorter:
                sorter.add(following)
                left.append(following)
    return sorter


# --- inputs ---------------------------------------------------------------------------------------------------------

typed = st.one_of(
    st.tuples(st.just("integer"), st.integers()),
    st.tuples(st.just("number"), st.integers() | st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just("boolean"), st.booleans()),
    st.tuples(st.just("list"), st.lists(jsons, max_size=3)),
    st.tuples(st.just("map"), st.dictionaries(plain, jsons, max_size=3)),
)


@given(typed)
def test_a_value_is_the_same_whether_given_as_it_is_or_as_text(case: tuple[str, JSON]) -> None:
    kind, value = case
    blueprint = load(f"blueprint: 1\nname: a\nstacks: {{a: {{source: ./a}}}}\ninputs: {{x: {{type: {kind}}}}}")
    assert resolve_inputs(blueprint, {"x": value}) == ({"x": value}, ())
    assert resolve_inputs(blueprint, {"x": json.dumps(value)}) == ({"x": value}, ())
