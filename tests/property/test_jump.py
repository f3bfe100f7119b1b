"""Hosts behind a jump that the blueprint selects: entered through it as soon as it is ready, whatever ends first."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.fake.driving import Choose, Drive, ports_for, shop, world_of_shop
from adapters.fake.hosts import FakeHosts
from adapters.fake.world import FakeModule, FakeWorld
from lifecycle.desired import Desired
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.inventory import ConnectionDefaults, Host, Ready, Selector
from lifecycle.journal import Kind
from lifecycle.ports import Run

orders = st.lists(st.integers(0, 1000), max_size=60)
JUMP = Selector(stack="data", group="jump")


def chooser(numbers: list[int]) -> Choose:
    rest = iter(numbers)
    return lambda below: next(rest, 0) % below


def last_but_the_apply(below: int) -> int:
    """The newest step ends first: an apply ends when nothing else is in flight."""
    return below - 1 if below > 1 else 0


class BehindJump(FakeHosts):
    """Nobody is entered but the jump, and through it, once it was entered itself."""

    def __init__(self, world: FakeWorld) -> None:
        super().__init__(world)
        self.world, self.entered = world, set[str]()
        self.address_late = False  # the jump gets its public address with the end of the apply only

    def discover(self, environment: EnvironmentRef, stack: str) -> Sequence[Host]:
        late = self.address_late and stack not in self.world.states
        facts = {} if late else {"public_address": "10.0.0.{id}"}
        return [replace(h, facts=_public(h, facts)) for h in super().discover(environment, stack)]

    def await_ready(self, host: Host, run: Run) -> Ready:
        ready = super().await_ready(host, run)
        assert host.connection.through is None
        if "jump" in host.groups:
            assert host.connection.jump == ""
            self.entered.add(f"root@{host.connection.address}:22")
        elif host.connection.jump not in self.entered:
            raise BatonError(f"{host.name}: nobody can be entered through '{host.connection.jump}'")
        return ready


def _public(host: Host, facts: dict[str, str]) -> dict[str, str]:
    return {k: v.format(id=host.id) for k, v in facts.items()} if "jump" in host.groups else {}


def behind(selector: Selector = JUMP, **given: Any) -> Desired:
    desired = shop(**given)
    defaults = ConnectionDefaults(through=selector)
    stacks = {name: replace(stack, defaults=defaults) for name, stack in desired.stacks.items()}
    mysql = replace(desired.configure["mysql"], selector=Selector(group="db"))
    return replace(desired, stacks=stacks, configure={**desired.configure, "mysql": mysql})


def new_drive(jumps: int = 1) -> tuple[Drive, BehindJump]:
    world = world_of_shop()
    hosts: dict[str, tuple[str, ...]] = {"db-1": ("db",), **{f"jump-{n + 1}": ("jump",) for n in range(jumps)}}
    world.modules["data"] = FakeModule(lambda _: hosts, world.modules["data"].outputs)
    source = BehindJump(world)
    return Drive(world, replace(ports_for(world), hosts=source)), source


@given(orders)
def test_every_order_of_completions_reaches_the_same_end(numbers: list[int]) -> None:
    drive, _ = new_drive()
    view = drive.run(behind(), chooser(numbers))
    assert view.complete
    assert drive.broken_rules == []
    assert {k: n for k, n in drive.world.done.items() if n > 1} == {}
    jump = drive.world.named("jump-1")
    ways = {h.name: h.connection.jump for h in view.ready_hosts.values()}
    assert ways == dict.fromkeys(("db-1", "web-1", "web-2", "lb-1"), f"root@10.0.0.{jump.id}:22") | {"jump-1": ""}


@given(orders)
def test_a_second_run_looks_at_everything_and_changes_nothing(numbers: list[int]) -> None:
    drive, _ = new_drive()
    drive.run(behind(), chooser([]))
    before, drive.started = list(drive.world.log), []
    assert drive.run(behind(), chooser(numbers)).complete
    assert drive.world.log == before
    assert {s.kind for s in drive.started} == {Kind.PLAN, Kind.AWAIT, Kind.VERIFY}


def test_hosts_of_a_stack_are_configured_through_its_jump_while_its_apply_still_runs() -> None:
    drive, _ = new_drive()
    for name, group in (("db-1", "db"), ("jump-1", "jump")):  # as the cloud has them, before Terraform says so
        drive.world.create("data", name, (group,))
    view = drive.run(behind(), last_but_the_apply, kill_after=5)
    assert view.observed.busy(Kind.APPLY, "data")
    assert [s.subject for s in drive.started if s.kind is Kind.AWAIT] == [
        drive.world.named("jump-1").id,
        drive.world.named("db-1").id,
    ]
    assert drive.world.named("db-1").configured == ["mysql"]
    reached = {h.name: h.connection for h in view.ready_hosts.values()}
    settled = drive.run(behind(), chooser([])).ready_hosts
    assert reached == {h.name: h.connection for h in settled.values() if h.name in reached}


def test_a_jump_that_has_no_public_address_yet_is_not_entered_by_its_private_one() -> None:
    drive, hosts = new_drive()
    hosts.address_late = True
    for name, group in (("db-1", "db"), ("jump-1", "jump")):
        drive.world.create("data", name, (group,))
    view = drive.run(behind(), last_but_the_apply, kill_after=3)
    assert view.observed.busy(Kind.APPLY, "data")
    assert {h.name for h in view.observed.hosts.values()} == {"db-1"}
    assert [s for s in drive.started if s.kind is Kind.AWAIT] == []


@given(orders)
def test_a_jump_that_does_not_answer_is_what_is_said_and_nobody_behind_it_is_tried(numbers: list[int]) -> None:
    drive, _ = new_drive()
    drive.world.broken.add("await jump-1")
    view = drive.run(behind(), chooser(numbers))
    assert not view.complete
    assert {o.message for o in view.observed.failures.values()} == {"jump-1 does not answer"}
    assert {s.subject for s in drive.started if s.kind is Kind.AWAIT} == {drive.world.named("jump-1").id}
    drive.world.broken.clear()
    assert drive.run(behind(), chooser(numbers)).complete


@given(orders)
def test_a_jump_that_never_comes_is_a_clear_error(numbers: list[int]) -> None:
    drive, _ = new_drive(jumps=0)
    view = drive.run(behind(), chooser(numbers))
    assert not view.complete
    said = {o.message for o in view.observed.failures.values()}
    assert "db-1 is reached through the jump host of stack data and group jump, but no host matches it" in said


@given(orders)
def test_two_jumps_are_a_clear_error(numbers: list[int]) -> None:
    drive, _ = new_drive(jumps=2)
    view = drive.run(behind(), chooser(numbers))
    said = {o.message for o in view.observed.failures.values()}
    assert (
        "db-1 is reached through the jump host of stack data and group jump, but 2 hosts match it: jump-1, jump-2"
        in said
    )


@given(orders)
def test_a_replaced_jump_is_entered_by_its_new_address_and_nobody_is_configured_again(numbers: list[int]) -> None:
    drive, hosts = new_drive()
    drive.run(behind(), chooser([]))
    del drive.world.instances[drive.world.named("jump-1").id]
    before = len(drive.world.log)
    hosts.entered.clear()
    view = drive.run(behind(), chooser(numbers))
    assert view.complete
    assert drive.world.log[before:] == ["apply stack data", "create jump-1"]
    way = f"root@10.0.0.{drive.world.named('jump-1').id}:22"
    assert {h.connection.jump for h in view.ready_hosts.values()} == {"", way}


@given(orders)
def test_hosts_behind_the_jump_are_told_of_who_leaves(numbers: list[int]) -> None:
    drive, _ = new_drive()
    drive.run(behind(web=3), chooser([]))
    before = len(drive.world.log)
    assert drive.run(behind(web=2), chooser(numbers)).complete
    log = drive.world.log[before:]
    assert log.index("configure balance drain lb-1") < log.index("destroy web-3")


@given(orders, st.lists(st.tuples(st.integers(0, 25), orders), max_size=3))
def test_killed_anywhere_and_run_again_it_ends_in_the_same_way(
    numbers: list[int], kills: list[tuple[int, list[int]]]
) -> None:
    drive, _ = new_drive()
    for after, order in kills:
        drive.run(behind(), chooser(order), kill_after=after)
    assert drive.run(behind(), chooser(numbers)).complete
    assert {k for k, n in drive.world.done.items() if k.startswith("create") and n > 1} == set()
