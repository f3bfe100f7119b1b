import pickle
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from lifecycle.blueprint import Blueprint, BlueprintInvalid, load
from lifecycle.blueprint.checks import Place
from lifecycle.blueprint.hosts import HostSelector
from lifecycle.blueprint.references import Reference
from lifecycle.blueprint.scalars import KeyKind
from lifecycle.errors import ExitCode
from lifecycle.inventory import Selector, Trust

CASES = Path(__file__).parents[2] / "golden" / "blueprint"


@pytest.fixture(scope="module")
def shop() -> Blueprint:
    """The golden case that has every key of the format."""
    return load((CASES / "valid-every-key" / "blueprint.yaml").read_text(encoding="utf-8"))


def smallest(rest: str = "") -> Blueprint:
    return load("blueprint: 1\nname: shop\nstacks: {web: {source: ./web}}\n" + rest)


def test_the_smallest_blueprint_has_every_default() -> None:
    connection = smallest().stacks["web"].connection
    assert (connection.user, connection.port, connection.become, connection.jump) == ("admin", 22, True, None)
    assert connection.key.kind is KeyKind.GENERATE
    assert connection.trust == (Trust.OUTPUT, Trust.CONSOLE)
    assert connection.ready_deadline == timedelta(minutes=5)


def test_a_stacks_connection_is_complete_and_says_what_it_says_itself(shop: Blueprint) -> None:
    network, database, web = (shop.stacks[name].connection for name in ("network", "database", "web"))
    assert network.jump is None, "an explicit null takes the default away"
    assert (database.user, database.port, database.become) == ("root", 2222, False)
    assert (database.key.kind, database.key.path) == (KeyKind.FILE, "~/.ssh/id_ed25519")
    assert web.jump == "admin@${stacks.network.outputs.bastion}:22"
    assert database.jump == HostSelector(stack="network", group="bastion", tags={"stage": "${environment.name}"})
    assert web.key.kind is KeyKind.AGENT
    assert web.trust == (Trust.CONSOLE,)
    assert database.trust == (Trust.OUTPUT, Trust.CONSOLE, Trust.CA, Trust.FIRST_USE)
    assert database.ca == "ssh/host_ca.pub"


def test_a_checks_thresholds_come_from_it_then_from_the_defaults_then_from_baton(shop: Blueprint) -> None:
    home = shop.checks[0].thresholds
    assert (home.period, home.timeout, home.deadline) == (
        timedelta(seconds=10),
        timedelta(seconds=3),
        timedelta(minutes=5),
    )
    alone = smallest('verify: {checks: [{name: a, tcp: "x:1", timeout: 1s}]}').checks[0].thresholds
    assert (alone.timeout, alone.period) == (timedelta(seconds=1), timedelta(seconds=2))


def test_every_kind_of_check_gives_its_probe_as_plain_values(shop: Blueprint) -> None:
    specs = {check.name: (check.kind, check.vantage, check.spec) for check in shop.checks}
    assert specs["home"] == (
        "http",
        "outside",
        {
            "url": "https://${stacks.web.outputs.lb_dns}/health",
            "method": "GET",
            "headers": {"authorization": "Bearer ${inputs.api_token}"},
            "status": (200, 204),
            "body": {"contains": "ok", "regex": "^.*ok", "json": {"status": "ok"}},
            "ca": "${environment.ca_certificate}",
            "server_name": "shop.example.com",
            "max_latency": timedelta(milliseconds=500),
        },
    )
    database = "${stacks.database.outputs.address}"
    assert specs["db-port"] == ("tcp", "hosts", {"host": database, "port": 3306, "expect": "open"})
    assert specs["db-closed"] == ("tcp", "outside", {"host": database, "port": 3306, "expect": "closed"})
    assert specs["pg"][2] == {
        "engine": "postgresql",
        "host": "db",
        "user": "app",
        "password": "",
        "database": "",
        "query": "SELECT 1",
    }
    assert specs["db-answers"][2]["equals"] == 1
    assert specs["nginx"] == ("service", "hosts", {"name": "nginx"})
    assert specs["disk"][2] == {"command": "df -P / | awk 'NR==2 {print $4}'", "expect": {"exit": 0}}
    assert specs["config"][2] == {
        "command": ("nginx", "-t"),
        "expect": {"exit": 0, "stdout": {"contains": "ok", "regex": "^ok"}},
    }


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("web:80", "web", 80),
        ("[fd00::1]:22", "fd00::1", 22),
        ("${stacks.web.outputs.hosts[0].address}:22", "${stacks.web.outputs.hosts[0].address}", 22),
        ("db-${environment.name}:${inputs.port}", "db-${environment.name}", "${inputs.port}"),
    ],
)
def test_a_tcp_target_is_taken_apart(written: str, host: str, port: object) -> None:
    found = smallest(
        f'inputs: {{port: {{type: integer, default: 1}}}}\nverify: {{checks: [{{name: a, tcp: "{written}"}}]}}'
    )
    assert found.checks[0].tcp is not None
    assert (found.checks[0].tcp.host, found.checks[0].tcp.port) == (host, port)


def test_after_left_out_and_after_empty_are_told_apart(shop: Blueprint) -> None:
    after = {check.name: check.after for check in shop.checks}
    assert after["home"] is None
    assert after["pg"] == ()


def test_equals_null_is_told_apart_from_equals_left_out() -> None:
    found = smallest("verify: {checks: [{name: a, sql: {engine: mysql, host: h, user: u, query: q, equals: null}}]}")
    assert found.checks[0].spec["equals"] is None
    assert "equals" in found.checks[0].spec


def test_a_selectors_tags_are_resolved_when_hosts_are_selected() -> None:
    def lookup(reference: Reference) -> object:
        return {"environment.name": "dev", "inputs.n": 2}[str(reference)]

    selector = HostSelector(stack="web", tags={"n": "${inputs.n}", "env": "${environment.name}"})
    assert selector.resolved(lookup) == Selector(stack="web", tags=(("env", "dev"), ("n", "2")))


def test_a_blueprint_cannot_be_changed(shop: Blueprint) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        shop.name = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        shop.stacks["web"].connection.user = "other"  # type: ignore[misc]


def test_a_blueprint_is_written_as_json_and_says_the_same(shop: Blueprint) -> None:
    written = shop.model_dump(mode="json", by_alias=True)
    assert written["inputs"]["db_password"]["from"] == "generate:24"
    assert written["verify"]["checks"][0]["from"] == "outside"
    assert written["verify"]["checks"][0]["period"] == "10s"
    assert written["stacks"]["database"]["connection"]["key"] == "file:~/.ssh/id_ed25519"


def test_places_are_words() -> None:
    assert [str(place) for place in Place] == ["controller", "outside"]


def test_an_invalid_blueprint_is_a_usage_error_with_all_problems_as_facts() -> None:
    with pytest.raises(BlueprintInvalid) as caught:
        load("blueprint: 1\nnam: x\n", "shop/blueprint.yaml")
    error = caught.value
    assert error.exit_code is ExitCode.USAGE
    assert [problem.message for problem in error.problems] == [
        "the key 'name' is missing",
        "the key 'stacks' is missing",
        "unknown key 'nam'",
    ]
    assert str(error).startswith("the blueprint has 3 problems:\nshop/blueprint.yaml:1:1: ")
    assert error.facts["problems"][2] == {
        "file": "shop/blueprint.yaml",
        "line": 2,
        "column": 1,
        "path": "nam",
        "message": "unknown key 'nam'",
        "expected": "",
        "suggestion": "did you mean 'name'?",
    }
    assert pickle.loads(pickle.dumps(error)).problems == error.problems
