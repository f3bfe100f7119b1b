"""From a blueprint to what is desired; on the way down with as little as possible."""

from pathlib import Path
from typing import Any

import pytest

from lifecycle.blueprint.loader import load
from lifecycle.compose import PortUnknown, Readings, desire
from lifecycle.desired import Desired, Goal
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.inventory import ConnectionDefaults, Selector
from lifecycle.journal import Journal
from lifecycle.observed import Observed
from lifecycle.view import View

BLUEPRINT = """
blueprint: 1
name: shop
inputs:
  size: {type: integer}
  port: {type: integer, default: 22}
  password: {type: string, secret: true, from: env:SHOP_PASSWORD}
tags: {size: "${inputs.size}", owner: platform}
connection: {user: admin, port: "${inputs.port}", key: file:gone.pem}
stacks:
  web:
    source: ./terraform
    vars: {size: "${inputs.size}", password: "${inputs.password}"}
configure:
  - {name: web, playbook: site.yml, hosts: {group: web}, vars: {size: "${inputs.size}"}}
verify:
  checks:
    - {name: home, http: {url: "http://${stacks.web.outputs.address}/"}, from: outside}
"""


def gone(what: object) -> Any:
    raise BatonError(f"{what} is gone")


def composed(goal: Goal, inputs: dict[str, Any], readings: Readings, text: str = BLUEPRINT) -> Desired:
    return desire(
        load(text, "shop.yaml"),
        ref=EnvironmentRef("shop", "dev"),
        goal=goal,
        base=Path("/shop"),
        inputs=inputs,
        facts={"name": "dev"},
        readings=readings,
        key=b"k",
    )


def there() -> Readings:
    return Readings(str, str, lambda c: ConnectionDefaults(user=c.user, port=int(c.port)))


def test_up_needs_every_part_and_resolves_what_is_known() -> None:
    desired = composed(Goal.UP, {"size": 2, "port": 2222, "password": "p"}, there())
    assert desired.tags == {"size": "2", "owner": "platform"}
    assert desired.stacks["web"].defaults.port == 2222
    assert desired.stacks["web"].fingerprint == "/shop/terraform"
    assert desired.configure["web"].playbook == Path("/shop/site.yml")
    assert desired.checks["home"].stacks == {"web"}


def test_a_jump_that_the_blueprint_selects_is_what_the_hosts_of_a_stack_are_reached_through() -> None:
    text = BLUEPRINT.replace("{user: admin", '{jump: {group: jump, tags: {Env: "${environment.name}"}}, user: admin')
    desired = composed(Goal.UP, {"size": 2, "port": 22, "password": "p"}, there(), text)
    assert desired.stacks["web"].defaults.through == Selector(group="jump", tags=(("Env", "dev"),))
    assert desired.stacks["web"].reach == frozenset()
    assert desired.holds_wanted_hosts("web")


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_that_is_none_is_refused_with_what_it_comes_to(port: int) -> None:
    with pytest.raises(PortUnknown, match=f"comes to '{port}'"):
        composed(Goal.UP, {"size": 2, "port": port, "password": "p"}, there())


def test_down_needs_no_playbook_no_key_no_module_and_no_input_that_is_not_given() -> None:
    desired = composed(Goal.DOWN, {"port": 22}, Readings(gone, gone, gone))
    assert set(desired.stacks) == {"web"}
    assert desired.tags == {"owner": "platform"}
    view = View(desired, Journal(), Observed())
    assert view.resolvable("${inputs.size}") is None
    assert view.resolvable("${inputs.port}") == 22
