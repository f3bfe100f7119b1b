"""Where operators come from, and the host that they come over."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.registry import Registry
from adapters.settings import load
from flows.place import located
from flows.request import Request
from flows.session import OperatorUnknown, opened
from lifecycle.conductor import next_steps
from lifecycle.desired import Desired, Goal, StackTarget
from lifecycle.environment import EnvironmentRef
from lifecycle.inventory import Connection, ConnectionDefaults, Host
from lifecycle.journal import Journal, Kind
from lifecycle.observed import Observed, Settled
from lifecycle.plan import Output

BLUEPRINT = """
blueprint: 1
name: shop
stacks:
  main: {source: ./terraform, vars: {cidr: "${environment.operator_cidr}"}}
"""

Asked = Callable[[Goal, dict[str, str]], object]


@pytest.fixture
def cidr(tmp_path: Path) -> Asked:
    """What the blueprint's stack is told of operators, for a goal and these settings."""
    (tmp_path / "blueprint.yaml").write_text(BLUEPRINT)
    (tmp_path / "terraform").mkdir()
    (tmp_path / "terraform" / "main.tf").write_text('variable "cidr" {}\n')
    cloud = tmp_path / "cloud.json"

    def ask(goal: Goal, given: dict[str, str]) -> object:
        described = {"name": "here", "endpoint_url": "http://127.0.0.1:9", "operator_cidr": given.pop("cloud", "")}
        cloud.write_text(json.dumps(described))
        settings = load({"BATON_HOME": str(tmp_path / "home"), "BATON_CLOUD": str(cloud), **given})
        registry, request = Registry.open(settings), Request(blueprint=str(tmp_path), environment="dev")
        try:
            with opened(located(request, registry), request, goal, registry, lambda _: None) as session:
                return session.desired.facts.get("operator_cidr")
        finally:
            registry.close()

    return ask


def test_the_cloud_knows_where_operators_come_from(cidr: Asked) -> None:
    assert cidr(Goal.UP, {"cloud": "192.0.2.10/32"}) == "192.0.2.10/32"


def test_a_setting_wins_over_what_the_cloud_says(cidr: Asked) -> None:
    given = {"cloud": "192.0.2.10/32", "BATON_OPERATOR_CIDR": "198.51.100.0/24"}
    assert cidr(Goal.UP, given) == "198.51.100.0/24"


def test_where_nobody_says_it_the_setting_is_named(cidr: Asked) -> None:
    with pytest.raises(OperatorUnknown, match="nobody said where they come from") as caught:
        cidr(Goal.UP, {})
    assert "BATON_OPERATOR_CIDR" in caught.value.hint


def test_a_teardown_does_not_ask(cidr: Asked) -> None:
    assert cidr(Goal.DOWN, {}) is None


def awaited(defaults: ConnectionDefaults) -> set[str]:
    """Which hosts are waited for, of a jump host and one behind it, where nothing in the blueprint names either."""
    stack = StackTarget("net", Path("net"), defaults=defaults)
    desired = Desired(EnvironmentRef("shop", "dev"), Goal.UP, {"net": stack})
    way = Connection("192.0.2.1")
    jump = Host("jump-1", "net", "i-1", way, facts={"public_address": "192.0.2.1", "private_address": "10.1.0.4"})
    behind = Host("db-1", "net", "i-2", replace(way, address="10.1.0.5"), facts={"private_address": "10.1.0.5"})
    outputs = {"jump": Output("192.0.2.1")}
    observed = Observed(settled={"net": Settled(outputs, (jump, behind))}, hosts={h.id: h for h in (jump, behind)})
    return {s.subject for s in next_steps(desired, Journal(), observed) if s.kind is Kind.AWAIT}


@pytest.mark.parametrize("jump", ["admin@${stacks.net.outputs.jump}", "192.0.2.1:2222", "admin@10.1.0.4"])
def test_a_host_that_others_are_reached_over_is_waited_for_though_nothing_names_it(jump: str) -> None:
    assert awaited(ConnectionDefaults(jump=jump)) == {"i-1"}


def test_nobody_is_waited_for_who_is_not_needed() -> None:
    assert awaited(ConnectionDefaults()) == set()
    assert awaited(ConnectionDefaults(jump="admin@192.0.2.99")) == set()
