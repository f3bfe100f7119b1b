"""What belongs to no environment: what counts as that, and what may be done about it."""

from dataclasses import replace

import pytest

from adapters.fake.driving import ports_for, world_of_shop
from adapters.fake.store import FakeStore
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.lock import LEASE, Lock, Owner
from lifecycle.orphans import MEANT_TO_GO, find, remove
from lifecycle.ports import CloudResource, Ports, Run

ME = Owner("ada", "laptop:1", "boot", 42, 1)
DEV = EnvironmentRef("shop", "dev")


def tagged(text: str) -> CloudResource:
    return CloudResource(f"i-{text}", "instance", {"baton:environment": text})


def environment(ports: Ports, phase: Phase) -> Environment:
    now = ports.clock.now()
    return Environment(DEV, phase, now, now)


@pytest.mark.parametrize("phase", Phase)
def test_only_what_an_environment_that_stands_has_is_no_orphan(phase: Phase) -> None:
    known = environment(ports_for(world_of_shop()), phase)
    found = find([tagged("shop/dev")], [known])
    assert [o.why for o in found] == ([MEANT_TO_GO[phase]] if phase in MEANT_TO_GO else [])


def test_orphans_are_told_by_environment_and_a_tag_that_names_none_is_left_alone() -> None:
    found = find([tagged("shop/b"), tagged("shop/a"), tagged("nonsense"), tagged("shop/b")], [])
    assert [(str(o.ref), o.why, len(o.resources)) for o in found] == [
        ("shop/a", "this store does not know it", 1),
        ("shop/b", "this store does not know it", 2),
    ]


def held(ports: Ports) -> Lock:
    assert isinstance(ports.store, FakeStore)
    return ports.store.acquire(DEV, ME, lease=LEASE)


def test_orphans_are_removed_and_the_ledger_says_what_before_and_after() -> None:
    world = world_of_shop()
    ports = ports_for(world)
    for name in ("i-1", "i-2"):
        world.leak(name, DEV)
    world.broken.add("remove i-2")
    removal = remove(DEV, ports.store, ports.cloud, ports.clock, held(ports), Run())
    assert removal.removed == ("i-1",)
    assert removal.left == {"i-2": "it does not go"}
    told = [e.decoded for e in ports.store.ledger(DEV)]
    assert [t["type"] for t in told] == ["baton.orphans.removing", "baton.orphans.removed"]
    assert told[0]["data"]["resources"] == ["host i-1", "host i-2"]
    assert told[1]["data"]["left"] == {"i-2": "it does not go"}


def test_an_environment_that_was_brought_up_meanwhile_loses_nothing() -> None:
    world = world_of_shop()
    ports = ports_for(world)
    world.leak("i-1", DEV)
    lock = held(ports)
    ports.store.start_run(lock, replace(environment(ports, Phase.PLANNING)), [])
    assert remove(DEV, ports.store, ports.cloud, ports.clock, lock, Run()).removed == ()
    assert "i-1" in world.leaked
    assert list(ports.store.ledger(DEV)) == []
