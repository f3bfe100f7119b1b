"""Secrets of a run: which are fetched, when something is asked again, and what tools inherit of them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.registry import Registry
from adapters.secrets import Secrets
from adapters.secrets.errors import SecretAway, SecretMissing
from adapters.settings import load
from flows.inputs import inputs
from flows.place import Place, located
from flows.request import Request
from lifecycle.desired import Goal
from lifecycle.environment import EnvironmentRef
from lifecycle.events import Event, Level
from lifecycle.sensitive import Sensitive

BLUEPRINT = """
blueprint: 1
name: shop
inputs:
  password: {type: string, secret: true, from: env:SHOP_PASSWORD}
  token: {type: string, secret: true, from: file:token}
  unused: {type: string, secret: true, from: env:NOBODY_NEEDS_THIS_ONE}
stacks:
  web: {source: ./terraform, vars: {password: "${inputs.password}"}}
configure:
  - {name: web, playbook: site.yml, hosts: {stack: web}, vars: {token: "x-${inputs.token}"}}
"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    (tmp_path / "blueprint.yaml").write_text(BLUEPRINT)
    (tmp_path / "token").write_text("the token")
    (tmp_path / "cloud.json").write_text(json.dumps({"name": "here", "endpoint_url": "http://127.0.0.1:9"}))
    home, cloud = str(tmp_path / "home"), str(tmp_path / "cloud.json")
    found = Registry.open(load({"BATON_HOME": home, "BATON_CLOUD": cloud}))
    yield found
    found.close()


@pytest.fixture
def place(tmp_path: Path, registry: Registry) -> Place:
    return located(Request(blueprint=str(tmp_path), environment="dev"), registry)


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "the password")


def read(place: Place, goal: Goal, registry: Registry, told: list[Event]) -> dict[str, Any]:
    return inputs(place, goal, registry, told.append, lambda _: False)


def test_only_secrets_that_are_used_are_fetched(place: Place, registry: Registry) -> None:
    found = read(place, Goal.UP, registry, [])
    assert found == {"password": Sensitive("the password"), "token": Sensitive("the token")}
    assert registry.scrubber.text("x the password, the token") == "x ***, ***"


def test_a_teardown_fetches_what_its_stacks_need_and_goes_on_without(
    place: Place, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Event] = []
    assert set(read(place, Goal.DOWN, registry, told)) == {"password"}
    registry.variables.give_back()
    monkeypatch.delenv("SHOP_PASSWORD")
    assert read(place, Goal.DOWN, registry, told) == {}
    assert [(e.type, e.level) for e in told] == [("secret.missing", Level.WARNING)]
    with pytest.raises(SecretMissing, match="SHOP_PASSWORD is not set"):
        read(place, Goal.UP, registry, told)


def test_a_variable_that_was_read_is_not_inherited_while_the_run_lasts(place: Place, registry: Registry) -> None:
    read(place, Goal.UP, registry, [])
    assert "SHOP_PASSWORD" not in os.environ
    assert read(place, Goal.UP, registry, [])["password"] == Sensitive("the password")
    registry.variables.give_back()
    assert os.environ["SHOP_PASSWORD"] == "the password"


def test_a_variable_that_the_blueprint_names_is_withheld_though_nobody_reads_it(
    place: Place, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOBODY_NEEDS_THIS_ONE", "a secret all the same")
    registry.withhold(place.blueprint)
    assert "NOBODY_NEEDS_THIS_ONE" not in os.environ
    registry.variables.give_back()
    assert os.environ["NOBODY_NEEDS_THIS_ONE"] == "a secret all the same"


def test_what_keeps_a_secret_and_does_not_answer_is_asked_again(
    place: Place, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def resolve(self: Secrets, environment: EnvironmentRef, name: str, reference: str) -> str:
        asked.append(name)
        if asked.count(name) < 3:
            raise SecretAway(f"secret '{name}': nobody answers")
        return f"{name} at last"

    monkeypatch.setattr(Secrets, "resolve", resolve)
    told: list[Event] = []
    assert read(place, Goal.UP, registry, told)["token"] == Sensitive("token at last")
    assert asked == ["password"] * 3 + ["token"] * 3
    assert {e.type for e in told} == {"step.retried"}
