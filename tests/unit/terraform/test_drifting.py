"""What nobody did is no drift; what somebody did is, however alike it looks."""

from typing import Any

import pytest

from adapters.terraform import drifting
from adapters.terraform.declared import Declared

GROUP = "aws_security_group.web"
RULE = {
    "id": "sgr-1", "security_group_id": "sg-1", "cidr_ipv4": "0.0.0.0/0", "ip_protocol": "tcp", "from_port": 443,
    "to_port": 443, "description": "https", "referenced_security_group_id": None, "tags": {"Name": "443"},
}  # fmt: skip
OTHER_RULE = {**RULE, "id": "sgr-2", "cidr_ipv4": "10.0.0.0/8", "from_port": 22, "to_port": 22, "description": "ssh"}
ELSEWHERE = {**RULE, "id": "sgr-3", "security_group_id": "sg-9", "from_port": 5432, "to_port": 5432}


def ingress(port: int = 443, cidr: str = "0.0.0.0/0", description: str = "https", first: int | None = None) -> Any:
    return {
        "cidr_blocks": [cidr], "description": description, "from_port": port if first is None else first,
        "to_port": port, "protocol": "tcp", "ipv6_cidr_blocks": [], "prefix_list_ids": [], "security_groups": [],
        "self": False,
    }  # fmt: skip


def drift(
    before: dict[str, Any] | None, after: dict[str, Any] | None, configured: set[str] | None = None, **entry: Any
) -> list[Any]:
    values = [RULE, OTHER_RULE, ELSEWHERE]
    changes = [{"address": f"r.{v['id']}", "change": {"actions": ["no-op"], "before": v, "after": v}} for v in values]
    change = {"actions": ["update"], "before": before, "after": after}
    plan = {"resource_changes": changes, "resource_drift": [{"address": GROUP, "change": change, **entry}]}
    return list(drifting.real(plan, {GROUP: Declared(configured=frozenset(configured or ()))}))


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, []), ("", None), ({}, None), (None, False), (0, None), (["b", "a"], ["a", "b"]), ({"x": None}, {"x": ""})],
)
def test_another_spelling_is_no_drift_even_where_the_configuration_sets_it(before: Any, after: Any) -> None:
    assert drift({"id": "sg-1", "a": before}, {"id": "sg-1", "a": after}, {"a"}) == []


def test_what_a_resource_of_its_own_made_is_an_echo() -> None:
    after = {"id": "sg-1", "ingress": [ingress(), ingress(22, "10.0.0.0/8", "ssh")]}
    assert drift({"id": "sg-1", "ingress": []}, after) == []
    assert len(drift({"id": "sg-1", "ingress": []}, after, {"ingress"})) == 1  # set here: then it is nobody's echo


BY_HAND = {
    "another port": ingress(5432),
    "another range": ingress(443, first=0),
    "the port of one rule for the addresses of another": ingress(22, "0.0.0.0/0", "ssh"),
    "the addresses of one rule for the port of another": ingress(443, "10.0.0.0/8"),
    "one more address": {**ingress(), "cidr_blocks": ["0.0.0.0/0", "198.51.100.7/32"]},
    "by IPv6 too": {**ingress(), "ipv6_cidr_blocks": ["::/0"]},
    "another protocol": {**ingress(), "protocol": "udp"},
    "the group itself too": {**ingress(), "self": True},
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_port_that_somebody_opened_is_drift(name: str) -> None:
    after = {"id": "sg-1", "ingress": [ingress(22, "10.0.0.0/8", "ssh"), BY_HAND[name]]}
    (found,) = drift({"id": "sg-1", "ingress": []}, after)
    assert found["change"]["after"]["ingress"] == after["ingress"]


def test_a_rule_of_several_ranges_is_an_echo_where_each_range_is() -> None:
    more = {**RULE, "id": "sgr-4", "cidr_ipv4": "203.0.113.0/24"}
    change = {"actions": ["no-op"], "before": more, "after": more}
    both = {**ingress(), "cidr_blocks": ["0.0.0.0/0", "203.0.113.0/24"]}
    entry = {
        "address": GROUP,
        "change": {"actions": ["update"], "before": {"id": "sg-1"}, "after": {"id": "sg-1", "ingress": [both]}},
    }
    first = {"address": "r.1", "change": {"actions": ["no-op"], "before": RULE, "after": RULE}}
    second = {"address": "r.2", "change": change}
    assert list(drifting.real({"resource_changes": [first, second], "resource_drift": [entry]}, {})) == []
    assert len(list(drifting.real({"resource_changes": [first], "resource_drift": [entry]}, {}))) == 1


def test_what_goes_from_a_computed_list_shows_where_it_is_governed() -> None:
    before = {"id": "sg-1", "ingress": [ingress(), ingress(8080)]}
    assert drift(before, {"id": "sg-1", "ingress": [ingress()]}) == []
    assert len(drift({"id": "i-1", "groups": ["sg-1"]}, {"id": "i-1", "groups": []})) == 1  # no list of blocks


def test_a_single_value_that_was_not_there_is_drift_unless_another_resource_has_it_under_that_name() -> None:
    assert len(drift({"id": "sg-1", "profile": ""}, {"id": "sg-1", "profile": "https"})) == 1
    assert drift({"id": "sg-1", "ip_protocol": ""}, {"id": "sg-1", "ip_protocol": "tcp"}) == []


def test_of_a_drifted_resource_only_what_really_differs_is_told_and_stays_as_secret_as_it_was() -> None:
    before = {"id": "sg-1", "name": "web", "list": None, "token": None}
    after = {"id": "sg-1", "name": "other", "list": [], "token": ""}
    (found,) = drift(before, after)
    assert found["change"]["after"] == {"id": "sg-1", "name": "other", "list": None, "token": None}


def test_what_is_gone_or_has_moved_is_told() -> None:
    assert len(drift({"id": "sg-1"}, None)) == 1
    assert len(drift({"id": "sg-1"}, {"id": "sg-1"}, previous_address="aws_security_group.old")) == 1
