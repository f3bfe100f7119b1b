import pytest

from lifecycle.blueprint.yaml12 import Document, NotYaml, Place, read


def data(text: str) -> object:
    return read(text).data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("22:30", "22:30"),
        ("2026-12-31", "2026-12-31"),
        ("1_000", "1_000"),
        ("0777", 777),
        ("0o17", 15),
        ("0xff", 255),
        ("-12", -12),
        ("+3", 3),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-2.", -2.0),
        ("0b11", "0b11"),
        ("1.2.3", "1.2.3"),
        ("-", None),
        ("+", "+"),
        (".", "."),
        ("True", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("~", None),
        ("Null", None),
        ("", None),
        ("'~'", "~"),
        ('"12"', "12"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!int '12'", 12),
        ("!!float 12", 12.0),
        ("!!bool 'true'", True),
        ("!!null ''", None),
        ("=", "="),
    ],
)
def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    found = data(f"a: {text}") if text != "-" else {"a": None}  # a lone dash begins a list
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


TEXT = """\
# a comment
name: shop
list:
  - one
  - {two: 2, "three": [3]}
ünïcödé: {ä: ö}
"""


def test_every_key_and_value_has_its_position() -> None:
    document = read(TEXT)
    assert document.values[("name",)] == Place(2, 7)
    assert document.keys[("name",)] == Place(2, 1)
    assert document.values[("list", 0)] == Place(4, 5)
    assert document.keys[("list", 1, "three")] == Place(5, 14)
    assert document.values[("list", 1, "three", 0)] == Place(5, 24)
    assert document.values[("ünïcödé", "ä")] == Place(6, 14), "columns count characters, not bytes"


def test_a_value_that_is_not_there_has_the_position_of_what_would_hold_it() -> None:
    document = read(TEXT)
    assert document.value_at(("list", 1, "four", 0)) == document.values[("list", 1)]
    assert document.key_at(("list", 0)) == document.values[("list", 0)]
    assert document.value_at(("nothing",)) == Place(2, 1)


def test_what_an_alias_repeats_is_reported_where_it_is_written() -> None:
    document = read("a: &a {x: 1}\nb: *a\n")
    assert document.data == {"a": {"x": 1}, "b": {"x": 1}}
    assert document.values[("b", "x")] == Place(1, 11)


def test_two_uses_of_an_anchor_do_not_share_their_value() -> None:
    found = data("a: &a [1]\nb: *a\n")
    assert isinstance(found, dict)
    found["a"].append(2)
    assert found["b"] == [1]


def test_an_anchor_may_be_given_again_and_the_last_one_counts() -> None:
    assert data("a: &x 1\nb: &x 2\nc: *x\n") == {"a": 1, "b": 2, "c": 2}


def messages(document: Document) -> list[str]:
    return [fault.message for fault in document.faults]


def test_faults_that_do_not_hinder_reading_are_collected() -> None:
    document = read("a: 1\na: 2\nb: !x 1\n3: 4\nc: .inf\n<<: {d: 1}\n[e]: 5\n")
    assert document.data == {"a": 1, "b": None, "c": None}
    assert messages(document) == [
        "duplicate key 'a', first on line 1",
        "the tag '!x' is not supported",
        "the key '3' is not a text",
        "the number .inf is not finite or too large",
        "merge keys ('<<') are not part of YAML 1.2",
        "a list or mapping is used as a key",
    ]


def test_a_quoted_merge_key_is_a_key_like_any_other() -> None:
    assert data('"<<": 1') == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (
            "a: [1",
            Place(2, 1),
            "this is not valid YAML: did not find expected ',' or ']' (while parsing a flow sequence from line 1 on)",
        ),
        ("a:\n\t- b", Place(2, 1), "a tab is used for indentation"),
        ("a: b: c", Place(1, 5), "this is not valid YAML"),
        ("a: 1\n---\nb: 2", Place(2, 1), "a second document begins here"),
        ("", Place(1, 1), "the file is empty"),
        ("--- # nothing\n...\n", Place(1, 1), "the file is empty"),
        ("a: *b", Place(1, 4), "the alias '*b' has no anchor '&b' before it"),
        ("a: &b [*b]", Place(1, 8), "the alias '*b' stands inside of what it repeats"),
        ("a: \x00", Place(1, 4), "the character U+0000 is not allowed in YAML"),
        ("a: b\nc: \x1b", Place(2, 4), "the character U+001B is not allowed in YAML"),
        ("a: x\u2028b: 2", Place(1, 5), "the character U+2028 is not allowed outside of an escape"),
        ("a: \ud800", Place(1, 1), "the file holds characters that are not valid Unicode"),
        ("[" * 100_000, Place(1, 66), "nested more than 64 levels deep"),
    ],
)
def test_a_text_that_cannot_be_read_says_where_and_why(text: str, place: Place, message: str) -> None:
    with pytest.raises(NotYaml) as error:
        read(text)
    assert error.value.fault.place == place
    assert message in error.value.fault.message


def test_aliases_cannot_make_a_small_text_large() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 9)]
    with pytest.raises(NotYaml, match="too large"):
        read("\n".join(lines))


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    assert data("\ufeffa: 1\r\nb: 2\r\n") == {"a": 1, "b": 2}
