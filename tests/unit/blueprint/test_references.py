import pytest

from lifecycle.blueprint import load
from lifecycle.blueprint.references import (
    Kind,
    Reference,
    ReferenceInvalid,
    ReferenceUnresolved,
    find,
    is_reference,
    parse,
    resolve,
    scan,
)
from lifecycle.sensitive import JSON, Sensitive

VALUES: dict[str, JSON] = {
    "inputs.count": 2,
    "inputs.ratio": 0.5,
    "inputs.debug": True,
    "inputs.name": "shop",
    "inputs.nothing": None,
    "inputs.secret": Sensitive("hunter2"),
    "inputs.map": {"a": {"b": "deep"}, "secret": Sensitive("inner")},
    "stacks.web.outputs.hosts": [{"address": "10.0.0.1"}, {"address": "10.0.0.2"}],
    "stacks.web.outputs.keys": Sensitive({"private": "hunter2", "list": ["x"]}),
    "environment.name": "dev",
}


def lookup(reference: Reference) -> JSON:
    return VALUES[str(Reference(reference.kind, reference.name, reference.output))]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("inputs.count", Reference(Kind.INPUT, "count")),
        (" inputs.count ", Reference(Kind.INPUT, "count")),
        ("inputs.map.a.b", Reference(Kind.INPUT, "map", path=("a", "b"))),
        ("environment.name", Reference(Kind.ENVIRONMENT, "name")),
        ("stacks.web.outputs.hosts", Reference(Kind.OUTPUT, "web", "hosts")),
        ("stacks.web.outputs.hosts[1].address", Reference(Kind.OUTPUT, "web", "hosts", (1, "address"))),
        ("stacks.web-1.outputs.a_b-c[0][1]", Reference(Kind.OUTPUT, "web-1", "a_b-c", (0, 1))),
    ],
)
def test_references_are_read(text: str, reference: Reference) -> None:
    assert parse(text) == reference
    assert str(reference) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "inputs",
        "inputs.",
        "inputs[0]",
        "inputs.a b",
        "inputs.a[-1]",
        "inputs.a[x]",
        "stacks.web",
        "stacks.web.outputs",
        "stacks.web.outputs[0]",
        "stacks.web.output.x.y",
        "environment.name.x",
        "env.name",
        "upper(inputs.a)",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ReferenceInvalid):
        parse(text)


def test_a_forgotten_outputs_is_suggested() -> None:
    with pytest.raises(ReferenceInvalid) as error:
        parse("stacks.web.address")
    assert error.value.suggestion == "did you mean '${stacks.web.outputs.address}'?"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${inputs.count}", 2),
        ("${inputs.debug}", True),
        ("${inputs.nothing}", None),
        ("${inputs.map.a}", {"b": "deep"}),
        ("${stacks.web.outputs.hosts[1].address}", "10.0.0.2"),
        ("n=${inputs.count}", "n=2"),
        ("${inputs.count}${inputs.count}", "22"),
        ("${inputs.debug}/${inputs.ratio}", "true/0.5"),
        ("${environment.name}-${inputs.name}", "dev-shop"),
        ("$${inputs.count}", "${inputs.count}"),
        ("$${a} ${inputs.count}", "${a} 2"),
        ("$$${inputs.count}", "$${inputs.count}"),
        ("cost: $5 $", "cost: $5 $"),
        ("", ""),
    ],
)
def test_texts_are_resolved(text: str, value: JSON) -> None:
    found = resolve(text, lookup)
    assert found == value
    assert type(found) is type(value)


def test_lists_and_mappings_are_resolved_at_every_depth_and_keys_are_left_alone() -> None:
    value = {"${inputs.name}": [1, {"x": "${inputs.count}"}, ("${environment.name}", None, True, 1.5)]}
    assert resolve(value, lookup) == {"${inputs.name}": [1, {"x": 2}, ("dev", None, True, 1.5)]}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("${inputs.secret}", "hunter2"),
        ("password=${inputs.secret}", "password=hunter2"),
        ("${inputs.count}:${inputs.secret}", "2:hunter2"),
        ("${stacks.web.outputs.keys.private}", "hunter2"),
        ("${stacks.web.outputs.keys.list[0]}-", "x-"),
        ("${inputs.map.secret}", "inner"),
    ],
)
def test_what_comes_from_a_secret_stays_a_secret(text: str, secret: str) -> None:
    found = resolve(text, lookup)
    assert found == Sensitive(secret)


def test_what_stands_beside_a_secret_is_none() -> None:
    assert resolve("${inputs.map.a.b}", lookup) == "deep"
    assert resolve(["${inputs.secret}", "${inputs.name}"], lookup) == [Sensitive("hunter2"), "shop"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x${inputs.map}", "is a mapping and cannot stand inside a longer text"),
        ("x${stacks.web.outputs.hosts}", "is a list and cannot stand inside a longer text"),
        ("x${inputs.nothing}", "is null and cannot stand inside a longer text"),
        ("${stacks.web.outputs.hosts[2]}", "stacks.web.outputs.hosts has 2 elements"),
        ("${stacks.web.outputs.hosts.address}", "stacks.web.outputs.hosts is not a mapping"),
        ("${stacks.web.outputs.hosts[0].port}", "stacks.web.outputs.hosts[0] has no 'port'"),
        ("${inputs.name[0]}", "inputs.name is not a list"),
        ("${nonsense}", "is not a reference"),
        ("${inputs.count", "has no closing brace"),
    ],
)
def test_what_leads_to_nothing_says_where_the_way_ends(text: str, message: str) -> None:
    with pytest.raises(ReferenceUnresolved) as error:
        resolve(text, lookup)
    assert message in str(error.value)


def test_a_failure_inside_a_secret_does_not_show_it() -> None:
    with pytest.raises(ReferenceUnresolved) as error:
        resolve("${stacks.web.outputs.keys.private.x}", lookup)
    assert "hunter2" not in str(error.value)


def test_references_are_found_once_each_in_order_everywhere() -> None:
    value = ["${inputs.b} ${inputs.a}", {"x": ("${inputs.b}", "$${inputs.no}", "${broken", 5)}]
    assert [str(found) for found in find(value)] == ["inputs.b", "inputs.a"]


def test_references_are_found_in_the_parts_of_a_blueprint() -> None:
    blueprint = load(
        """
blueprint: 1
name: shop
stacks: {web: {source: ./web}}
verify:
  checks: [{name: a, tcp: "${stacks.web.outputs.address}:80", from: {tags: {env: "${environment.name}"}}}]
"""
    )
    assert [str(found) for found in find(blueprint.checks[0])] == ["stacks.web.outputs.address", "environment.name"]


def test_only_a_text_that_is_one_reference_counts_as_one() -> None:
    assert is_reference("${inputs.a}")
    for text in ("${inputs.a} ", "x${inputs.a}", "$${inputs.a}", "${nonsense}", "", "${inputs.a}${inputs.a}"):
        assert not is_reference(text)


def test_a_text_is_taken_apart_without_a_loss() -> None:
    pieces = list(scan("a${inputs.x}b$${c${}"))
    assert pieces[:4] == ["a", Reference(Kind.INPUT, "x"), "b", "${"]
    assert pieces[4] == "c"
    assert isinstance(pieces[5], ReferenceInvalid)
