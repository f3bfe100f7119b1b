"""A planned resource: what is not known cannot be mistaken for a value."""

import pytest

from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.policy.values import ABSENT, Hidden, Known, Node, Resource, Unknown, of_change, resources, without_keys


def resource(configured: frozenset[str] | None = frozenset({"ingress", "tags", "name"})) -> Resource:
    after = {
        "name": "web",
        "password": "***",
        "nothing": None,
        "ingress": [{"from_port": 22, "cidr_blocks": ["10.0.0.0/8", None]}, {"to_port": 80}],
        "tags_all": {"owner": "a"},
    }
    unknown = ("arn", "ingress[0].cidr_blocks[1]", "ingress[1].from_port", "tags_all.stage")
    return of_change(
        "web", ResourceChange("aws_x.y", "aws_x", Action.CREATE, after=after, unknown=unknown, configured=configured)
    )


def test_a_path_leads_to_a_value_a_gap_or_nothing() -> None:
    one = resource()
    assert one.get("name") == Known("web")
    assert one.get("ingress[0].from_port") == Known(22)
    assert one.get("ingress[1].from_port") == Unknown("ingress[1].from_port")
    assert one.get("ingress[0].cidr_blocks[1]") == Unknown("ingress[0].cidr_blocks[1]")
    assert one.get("password") == Hidden("password")
    assert one.get("tags_all.stage") == Unknown("tags_all.stage")
    for path in ("nothing", "missing", "name.inside", "ingress[7].from_port", "ingress.from_port"):
        assert one.get(path) == ABSENT


def test_unknown_counts_only_where_the_configuration_sets_it_or_nobody_knows() -> None:
    assert resource().get("arn") == ABSENT
    assert resource(frozenset({"arn"})).get("arn") == Unknown("arn")
    assert resource(None).get("arn") == Unknown("arn")


def test_every_element_is_told_and_a_gap_once() -> None:
    assert resource().every("ingress[].cidr_blocks[]") == (Known("10.0.0.0/8"), Unknown("ingress[0].cidr_blocks[1]"))
    assert resource().every("ingress[].from_port") == (Known(22), Unknown("ingress[1].from_port"))
    whole = of_change("web", ResourceChange("a.b", "a", Action.CREATE, after={}, unknown=("ingress",)))
    assert whole.every("ingress[].from_port") == (Unknown("ingress"),)
    assert whole.blocks("ingress") == (Unknown("ingress"),)
    assert whole.every("missing[]") == ()


def test_a_block_knows_its_place() -> None:
    first, second = resource().blocks("ingress")
    assert isinstance(first, Node)
    assert isinstance(second, Node)
    assert (first.path, first.get("from_port")) == ("ingress[0]", Known(22))
    assert second.get("from_port") == Unknown("ingress[1].from_port")


def test_what_goes_and_what_is_only_read_is_no_resource_and_what_stays_is() -> None:
    changes = tuple(
        ResourceChange(f"aws_x.{action.name.lower()}", "aws_x", action, after=None if action is Action.DELETE else {})
        for action in Action
    )
    found = {one.action for one in resources("web", Plan("web", "d", changes=changes))}
    assert found == set(Action) - {Action.DELETE, Action.FORGET, Action.READ}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ('module.a["x.y"].aws_instance.web[0]', "module.a.aws_instance.web"),
        ('aws_instance.web["a\\"]b"]', "aws_instance.web"),
        ("aws_instance.web", "aws_instance.web"),
    ],
)
def test_an_address_loses_its_keys(address: str, expected: str) -> None:
    assert without_keys(address) == expected
