"""Opening an environment: what is read without its lock, what a teardown can go without, and what is never a parameter."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.process.owner import current_owner
from adapters.registry import KeyMissing, Registry
from adapters.settings import load
from flows.inputs import InputsInvalid
from flows.place import located
from flows.request import Request
from flows.session import WrongCloud, opened
from lifecycle.blueprint.model import Connection
from lifecycle.compose import SecretGiven
from lifecycle.desired import Goal
from lifecycle.environment import BadName, Environment, EnvironmentRef, Phase, checked_name
from lifecycle.errors import BatonError
from lifecycle.inventory import Trust
from lifecycle.lock import LEASE

BLUEPRINT = """
blueprint: 1
name: shop
inputs:
  size: {type: integer}
  password: {type: string, secret: true, from: env:SHOP_PASSWORD_THAT_NOBODY_SET}
  token: {type: string, secret: true, from: generate:20}
connection: {key: file:gone.pem}
stacks:
  web: {source: ./terraform, vars: {size: "${inputs.size}", password: "${inputs.password}", token: "${inputs.token}"}}
configure:
  - {name: web, playbook: gone.yml, hosts: {stack: web}}
"""


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    (tmp_path / "blueprint.yaml").write_text(BLUEPRINT)
    (tmp_path / "terraform").mkdir()
    (tmp_path / "terraform" / "main.tf").write_text('variable "size" {}\nvariable "password" {}\nvariable "token" {}\n')
    return Request(blueprint=str(tmp_path), environment="dev")


def registry_of(home: Path, cloud: str) -> Registry:
    description = home / f"{cloud}.json"
    description.write_text(json.dumps({"name": cloud, "endpoint_url": "http://127.0.0.1:9"}))
    return Registry.open(load({"BATON_HOME": str(home / "home"), "BATON_CLOUD": str(description)}))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    found = registry_of(tmp_path, "here")
    yield found
    found.close()


def test_nothing_is_made_before_the_lock_is_held(registry: Registry, request_: Request) -> None:
    assert str(located(request_, registry).ref) == "shop/dev"
    assert not registry.settings.environments.exists()


def test_an_up_says_what_it_lacks(registry: Registry, request_: Request) -> None:
    with pytest.raises(InputsInvalid, match="input 'size': a value is needed"):
        opened(located(request_, registry), request_, Goal.UP, registry, print).__enter__()


def test_a_teardown_goes_without_inputs_secrets_playbooks_and_keys_that_are_gone(
    registry: Registry, request_: Request
) -> None:
    with opened(located(request_, registry), request_, Goal.DOWN, registry, print) as session:
        assert set(session.desired.stacks) == {"web"}
        assert set(session.desired.inputs) == {"token"}


def test_a_teardown_still_says_what_is_wrong_with_what_it_is_given(registry: Registry, request_: Request) -> None:
    wrong = request_.model_copy(update={"inputs": {"size": "big"}})
    with pytest.raises(InputsInvalid, match="size"):
        opened(located(wrong, registry), wrong, Goal.DOWN, registry, print).__enter__()


def test_a_secret_is_never_a_parameter(registry: Registry, request_: Request) -> None:
    with pytest.raises(SecretGiven, match="input 'password' is a secret") as caught:
        located(request_.model_copy(update={"inputs": {"password": "hunter2"}}), registry)
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


def test_an_environment_that_was_only_planned_lives_in_no_cloud_yet(
    tmp_path: Path, registry: Registry, request_: Request
) -> None:
    place, other = located(request_, registry), registry_of(tmp_path, "elsewhere")
    now = registry.clock.now()
    lock = registry.store.acquire(place.ref, current_owner(), lease=LEASE)
    for phase, refused in ((Phase.NEW, False), (Phase.READY, True), (Phase.DESTROYED, False)):
        registry.store.transition(lock, Environment(place.ref, phase, now, now, cloud="here"), [])
        assert entered(place, request_, other) is refused
    other.close()


def entered(place: Any, request: Request, registry: Registry) -> bool:
    """Whether another cloud is refused."""
    try:
        with opened(place, request, Goal.DOWN, registry, print):
            return False
    except WrongCloud:
        return True


@pytest.mark.parametrize("name", ["", "Dev", "a b", "-x", "x" * 32, "dev\n", "1"])
def test_a_name_that_cannot_be_one_is_refused_as_wrong_usage(name: str) -> None:
    with pytest.raises(BadName) as caught:
        checked_name(name)
    assert caught.value.exit_code == 64
    assert isinstance(caught.value, BatonError)


def test_an_authority_that_is_not_there_is_a_sentence(registry: Registry, tmp_path: Path) -> None:
    connection = Connection(trust=(Trust.CA,), ca="file:gone.pub", key="agent")
    with pytest.raises(KeyMissing, match=r"gone\.pub cannot be read"):
        registry.connection_defaults(connection, EnvironmentRef("shop", "dev"), tmp_path)
