import pytest

from lifecycle.blueprint import Blueprint, load
from lifecycle.blueprint.inputs import resolve_inputs
from lifecycle.blueprint.sources import SecretRef, SecretScheme
from lifecycle.sensitive import JSON, Sensitive


def blueprint(inputs: str) -> Blueprint:
    return load(f"blueprint: 1\nname: shop\nstacks: {{web: {{source: ./web}}}}\ninputs: {{{inputs}}}\n")


def test_defaults_and_sources_stand_in_for_what_is_not_given() -> None:
    declared = blueprint('n: {type: integer, default: 2}, s: {type: string, secret: true, from: "env:S"}')
    values, problems = resolve_inputs(declared, {})
    assert values == {"n": 2, "s": SecretRef(SecretScheme.ENV, "S")}
    assert problems == ()


def test_an_empty_default_is_a_default() -> None:
    declared = blueprint(
        'a: {type: string, default: ""}, b: {type: list, default: []}, c: {type: boolean, default: false}'
    )
    assert resolve_inputs(declared, {}) == ({"a": "", "b": [], "c": False}, ())


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "12", "12"),
        ("string", '"x"', '"x"'),
        ("string", "", ""),
        ("integer", "12", 12),
        ("integer", "-1", -1),
        ("number", "1.5", 1.5),
        ("number", "2", 2),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("list", '["a", 1]', ["a", 1]),
        ("list", "a, b", ["a", "b"]),
        ("list", "a", ["a"]),
        ("list", "", []),
        ("map", '{"a": 1}', {"a": 1}),
    ],
)
def test_texts_from_a_command_line_are_read_by_the_declared_type(kind: str, text: str, value: JSON) -> None:
    values, problems = resolve_inputs(blueprint(f"x: {{type: {kind}}}"), {"x": text})
    assert problems == ()
    assert values == {"x": value}
    assert type(values["x"]) is type(value)


@pytest.mark.parametrize(
    ("declared", "given", "message"),
    [
        ("{type: integer}", "two", "found the text 'two', expected a whole number"),
        ("{type: integer}", "1.5", "found the text '1.5', expected a whole number"),
        ("{type: integer}", True, "found the boolean true, expected a whole number"),
        ("{type: number}", "NaN", "found the text 'NaN', expected a number"),
        ("{type: number}", "Infinity", "found the text 'Infinity', expected a number"),
        ("{type: boolean}", "yes", "found the text 'yes', expected true or false"),
        ("{type: boolean}", 1, "found the number 1, expected true or false"),
        ("{type: list}", "{}", "found the text '{}', expected a list"),
        ("{type: list}", "[1", "found the text '[1', expected a list"),
        ("{type: map}", "a=b", "found the text 'a=b', expected a mapping"),
        ("{type: string}", 5, "found the number 5, expected a text"),
        ("{type: integer, minimum: 2}", "1", "found the number 1, expected at least 2"),
        ("{type: integer, maximum: 2}", "3", "found the number 3, expected at most 2"),
        ("{type: string, enum: [a, b]}", "c", 'found the text \'c\', expected one of "a", "b"'),
        ("{type: string, pattern: '[a-z]+'}", "a1", "found the text 'a1', expected a text that matches [a-z]+"),
    ],
)
def test_a_given_value_must_be_what_the_blueprint_declares(declared: str, given: JSON, message: str) -> None:
    values, problems = resolve_inputs(blueprint(f"x: {declared}"), {"x": given})
    assert [problem.message for problem in problems] == [message]
    assert values == {}


def test_true_is_not_the_number_one_of_an_enum() -> None:
    declared = blueprint("x: {type: list, enum: [[1]]}, y: {type: boolean, enum: [false]}")
    values, problems = resolve_inputs(declared, {"x": [1], "y": True})
    assert values == {"x": [1]}
    assert [problem.name for problem in problems] == ["y"]


def test_missing_and_unknown_inputs_are_all_named_with_what_to_do() -> None:
    declared = blueprint("web_count: {type: integer}, s: {type: string, secret: true}, n: {type: number}")
    _, problems = resolve_inputs(declared, {"web_cuont": 1, "zzz": 2, "n": "x"})
    assert [str(problem) for problem in problems] == [
        "input 'web_cuont': the blueprint has no such input; did you mean 'web_count'?",
        "input 'zzz': the blueprint has no such input",
        "input 'web_count': a value is needed: a whole number; give one with --input web_count=VALUE, or add a default",
        "input 's': a value is needed: a text; give it a source with 'from'",
        "input 'n': found the text 'x', expected a number",
    ]


def test_a_given_secret_is_wrapped_and_never_shown() -> None:
    declared = blueprint("s: {type: string, secret: true, enum: [a]}, t: {type: string, secret: true}")
    values, problems = resolve_inputs(declared, {"s": "hunter2", "t": Sensitive("hunter2")})
    assert values == {"t": Sensitive("hunter2")}
    assert "hunter2" not in str([str(problem) for problem in problems]) + str(values)
    assert [problem.name for problem in problems] == ["s"]


def test_a_given_value_wins_over_default_and_source() -> None:
    declared = blueprint('n: {type: integer, default: 2}, s: {type: string, secret: true, from: "generate:24"}')
    assert resolve_inputs(declared, {"n": 3, "s": "x"}) == ({"n": 3, "s": Sensitive("x")}, ())
