import pytest

from lifecycle.blueprint import load
from lifecycle.blueprint.graph import Graph, Needs, build, cycles, waits

TEXT = """
blueprint: 1
name: shop
connection: {jump: "admin@${stacks.network.outputs.bastion}"}
stacks:
  network: {source: ./n}
  database: {source: ./d, depends_on: [network], connection: {jump: null}}
  web: {source: ./w, vars: {db: {host: "${stacks.database.outputs.address}"}}}
configure:
  - {name: mysql, playbook: a.yml, hosts: {stack: database}}
  - {name: nginx, playbook: b.yml, hosts: {tags: {role: web}}, after: [mysql, check.db], vars: {db: "${stacks.database.outputs.address}"}}
verify:
  checks:
    - {name: db, tcp: "${stacks.database.outputs.address}:3306", from: {stack: web}}
    - {name: home, http: {url: "http://${stacks.web.outputs.lb}/"}, from: outside}
    - {name: service, service: nginx, on: {group: web}, after: [check.home]}
    - {name: at-once, tcp: "localhost:1", after: []}
"""
EVERYWHERE = frozenset({"network", "database", "web"})


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build(load(TEXT))


def test_a_stack_needs_what_its_vars_reference_and_what_it_says(graph: Graph) -> None:
    assert graph.stacks == {
        "network": frozenset(),
        "database": frozenset({"network"}),
        "web": frozenset({"database"}),
    }


def test_a_connection_is_needed_to_reach_hosts_and_not_to_apply_the_stack(graph: Graph) -> None:
    assert graph.reach == {
        "network": frozenset({"network"}),
        "database": frozenset(),
        "web": frozenset({"network"}),
    }


def test_a_step_needs_the_outputs_it_references_the_hosts_it_may_touch_and_what_it_comes_after(graph: Graph) -> None:
    assert graph.steps["mysql"] == Needs(hosts=frozenset({"database"}))
    assert graph.steps["nginx"] == Needs(
        stacks=frozenset({"database"}), hosts=EVERYWHERE, steps=frozenset({"mysql"}), checks=frozenset({"db"})
    )


def test_a_check_without_after_waits_for_the_steps_that_do_not_wait_for_it(graph: Graph) -> None:
    assert graph.checks["db"] == Needs(
        stacks=frozenset({"database"}), hosts=frozenset({"web"}), steps=frozenset({"mysql"})
    )
    assert graph.checks["home"] == Needs(stacks=frozenset({"web"}), steps=frozenset({"mysql", "nginx"}))


def test_a_check_with_after_waits_for_that_alone(graph: Graph) -> None:
    assert graph.checks["service"] == Needs(hosts=EVERYWHERE, checks=frozenset({"home"}))
    assert graph.checks["at-once"] == Needs()


def test_a_check_waits_for_no_step_that_waits_for_it_through_others() -> None:
    assert waits({"a": ["check.x"], "b": ["a"], "c": []}, {"x": None})["check.x"] == ("c",)


def test_a_check_is_awaited_through_another_check() -> None:
    found = waits({"a": ["check.y"], "b": []}, {"x": None, "y": ["check.x"]})
    assert found["check.x"] == ("b",)


def test_a_check_before_the_second_of_two_steps_waits_for_the_first() -> None:
    """Whichever of the two checks stands first in the file."""
    steps = {"one": ["check.a"], "two": ["one", "check.b"]}
    for order in (["a", "b"], ["b", "a"]):
        found = waits(steps, dict.fromkeys(order))
        assert found["check.a"] == ()
        assert found["check.b"] == ("one",)


def test_two_checks_that_would_wait_for_each_others_steps_go_in_the_order_of_the_file() -> None:
    found = waits({"one": ["check.a"], "two": ["check.b"]}, {"a": None, "b": None})
    assert found["check.a"] == ("two",)
    assert found["check.b"] == ()


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ({}, []),
        ({"a": ["b"], "b": []}, []),
        ({"a": ["a"]}, [("a", "a")]),
        ({"a": ["b"], "b": ["a"]}, [("a", "b", "a")]),
        ({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}, [("a", "b", "c", "a")]),
        ({"a": ["b", "c"], "b": ["c"], "c": ["a"]}, [("a", "c", "a"), ("b", "c", "a", "b")]),
        ({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]}, [("a", "b", "a"), ("c", "d", "c")]),
        ({"a": ["unknown"]}, []),
    ],
)
def test_circles_are_named_as_paths(edges: dict[str, list[str]], found: list[tuple[str, ...]]) -> None:
    assert list(cycles(edges)) == found
