"""Specs: what the blueprint's checks become, and what is said about those that make no sense."""

from datetime import timedelta
from typing import Any

import pytest

from adapters.probe.spec import (
    ANYTHING,
    BadCheck,
    CommandSpec,
    HttpSpec,
    ServiceSpec,
    SqlSpec,
    TcpSpec,
    TlsSpec,
    read_spec,
)
from lifecycle.blueprint.model import Check as Written
from lifecycle.blueprint.probes import KINDS
from lifecycle.sensitive import Sensitive
from lifecycle.verification import Check

WRITTEN: dict[str, dict[str, Any]] = {
    "http": {"url": "https://web.test:8443/health?deep=1", "status": [200, 204], "max_latency": "500ms"},
    "tcp": "10.0.0.1:3306",  # type: ignore[dict-item]
    "tls": {"host": "web.test"},
    "sql": {"engine": "mysql", "host": "db.test", "user": "app", "query": "SELECT 1", "equals": 1},
    "command": ["test", "-e", "/etc/motd with blanks"],  # type: ignore[dict-item]
    "service": "nginx",  # type: ignore[dict-item]
}


def of_blueprint(kind: str, **more: Any) -> Any:
    """A check's spec as the blueprint's own model hands it over."""
    place = {"on": {"stack": "web"}} if kind in ("command", "service") else {}
    written = Written.model_validate({"name": "a", kind: WRITTEN[kind], **place, **more})
    return read_spec(Check("a", kind, written.spec))


def test_every_kind_of_the_blueprint_is_read() -> None:
    assert set(WRITTEN) == set(KINDS)
    kinds = {"http": HttpSpec, "tcp": TcpSpec, "tls": TlsSpec, "sql": SqlSpec, "command": CommandSpec}
    assert {kind: type(of_blueprint(kind)) for kind in KINDS} == {**kinds, "service": ServiceSpec}


def test_an_http_check_is_read_with_all_its_keys() -> None:
    spec = of_blueprint("http")
    assert (spec.host, spec.port, spec.path, spec.secure) == ("web.test", 8443, "/health?deep=1", True)
    assert spec.status == (200, 204)
    assert spec.max_latency == timedelta(milliseconds=500)
    assert spec.json is ANYTHING


def test_what_a_tcp_port_should_be_is_read() -> None:
    assert (of_blueprint("tcp").host, of_blueprint("tcp").port, of_blueprint("tcp").closed) == ("10.0.0.1", 3306, False)
    assert of_blueprint("tcp", expect="closed").closed


def test_a_certificate_must_name_the_host_unless_another_name_is_given() -> None:
    assert of_blueprint("tls").server_name == "web.test"
    assert read_spec(Check("a", "tls", {"host": "10.0.0.1", "server_name": "web.test"})).server_name == "web.test"  # type: ignore[union-attr]


def test_a_database_has_the_port_of_its_engine() -> None:
    spec = {"host": "db", "user": "app", "query": "SELECT 1"}
    assert read_spec(Check("a", "sql", {**spec, "engine": "mysql"})).port == 3306  # type: ignore[union-attr]
    assert read_spec(Check("a", "sql", {**spec, "engine": "postgresql"})).port == 5432  # type: ignore[union-attr]


def test_a_null_that_is_wanted_is_not_the_same_as_nothing_wanted() -> None:
    spec = {"engine": "mysql", "host": "db", "user": "app", "query": "SELECT NULL"}
    assert read_spec(Check("a", "sql", spec)).expected is ANYTHING  # type: ignore[union-attr]
    assert read_spec(Check("a", "sql", {**spec, "equals": None})).expected is None  # type: ignore[union-attr]


def test_a_command_of_words_reaches_the_shell_as_these_words() -> None:
    spec = of_blueprint("command", expect={"exit": 3, "stdout": {"contains": "x"}})
    assert spec.command == "test -e '/etc/motd with blanks'"
    assert (spec.exit, spec.stdout.contains) == (3, "x")


def test_secrets_are_revealed_for_use_and_not_for_printing() -> None:
    spec = read_spec(Check("a", "http", {"url": "http://x/", "headers": {"Authorization": Sensitive("Bearer abc")}}))
    assert spec.headers == {"Authorization": "Bearer abc"}  # type: ignore[union-attr]
    assert "abc" not in repr(spec)


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        ("http", {}, "http.url is missing"),
        ("http", {"url": "ftp://x/"}, "http.url must be a whole http"),
        ("http", {"url": "http:///path"}, "http.url must be a whole http"),
        ("http", {"url": "http://x:99999/"}, "http.url is not a URL"),
        ("http", {"url": "http://me:pw@x/"}, "use headers"),
        ("http", {"url": "http://x/", "status": "200"}, "http.status must be a status code"),
        ("http", {"url": "http://x/", "body": {"regex": "("}}, "http.body.regex is not a regular expression"),
        (
            "http",
            {"url": "http://x/", "body": {"contain": "x"}},
            "http.body.contain is not known here; known are contains",
        ),
        ("http", {"url": "http://x/", "body": "x"}, "http.body must be a mapping"),
        ("tcp", {"host": "x", "port": "web"}, "tcp.port must be a whole number from 1 to 65535"),
        ("tcp", {"host": "x", "port": 0}, "tcp.port must be a whole number"),
        ("tcp", {"host": "x", "port": True}, "tcp.port must be a whole number"),
        ("tcp", {"host": ["x"], "port": 1}, "tcp.host must be text"),
        ("tcp", {"host": "x", "port": 1, "expect": "ajar"}, "tcp.expect must be one of open, closed"),
        ("sql", {"engine": "oracle", "host": "x", "user": "a"}, "sql.engine must be one of mysql, postgresql"),
        ("command", {"command": "  "}, "command.command must be a line"),
        (
            "command",
            {"command": "x", "expect": {"exit": 300}},
            "command.expect.exit must be a whole number from 0 to 255",
        ),
        ("service", {"name": "x; reboot"}, "service.name is not a service's name"),
        ("service", {"name": "--version"}, "service.name is not a service's name"),
    ],
)
def test_what_makes_no_sense_is_refused_with_check_key_and_expectation(
    kind: str, spec: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadCheck) as caught:
        read_spec(Check("home", kind, spec))
    assert str(caught.value).startswith("check 'home': ")
    assert said in str(caught.value)


def test_a_port_that_came_as_text_from_an_output_is_a_port() -> None:
    assert read_spec(Check("a", "tcp", {"host": "x", "port": "8080"})).port == 8080  # type: ignore[union-attr]
