"""After an apply whose end nobody knows: what it made is taken over or kept, and never made twice."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.fake.driving import Choose, Drive, ports_for, shop, world_of_shop
from lifecycle.errors import CUT_OFF
from lifecycle.journal import Kind, Status

orders = st.lists(st.integers(0, 1000), max_size=60)
END = {"db-1": ("mysql",), "web-1": ("app",), "web-2": ("app",), "lb-1": ("balance",)}


def chooser(numbers: list[int]) -> Choose:
    rest = iter(numbers)
    return lambda below: next(rest, 0) % below


def interrupted(status: Status | None, detail: Mapping[str, Any] | None = None) -> Drive:
    """The shop as it stands, with an apply of its front whose last word is not "done"."""
    world = world_of_shop()
    drive = Drive(world, ports_for(world))
    assert drive.run(shop(), chooser([])).complete
    record = drive.journal.get(Kind.APPLY, "front")
    assert record is not None
    drive.journal = drive.journal.with_records([replace(record, status=status, finished_at=None, detail=detail or {})])
    world.log.clear()
    world.done.clear()
    return drive


def configured(drive: Drive) -> dict[str, tuple[str, ...]]:
    return {i.name: tuple(dict.fromkeys(i.configured)) for i in drive.world.instances.values()}


unfinished = st.sampled_from([None, Status.FAILED, Status.CANCELLED])


@settings(max_examples=25)
@given(orders, unfinished, st.sets(st.sampled_from(["web-1", "web-2", "lb-1"]), min_size=1))
def test_what_the_state_does_not_know_is_taken_over_and_not_made_again(
    numbers: list[int], status: Status | None, lost: set[str]
) -> None:
    drive = interrupted(status)
    ids = {name: drive.world.named(name).id for name in END}
    for name in lost:
        drive.world.named(name).known = False
    assert drive.run(shop(), chooser(numbers)).complete
    assert {name: drive.world.named(name).id for name in END} == ids
    assert sorted(drive.world.log) == sorted(f"adopt host.{name}" for name in lost)
    assert configured(drive) == END


@settings(max_examples=25)
@given(orders, unfinished)
def test_of_two_that_are_alike_nobody_says_which_is_the_one(numbers: list[int], status: Status | None) -> None:
    drive = interrupted(status)
    drive.world.named("web-2").known = False
    drive.world.create("front", "web-2", ("web",)).known = False
    drive.world.log.clear()
    view = drive.run(shop(), chooser(numbers))
    assert not view.complete
    assert drive.world.log == []
    failure = view.observed.failures["plan:front"]
    assert "it could be host.web-2" in failure.message
    assert "baton stray shop/dev" in failure.hint
    assert "--remove" in failure.hint


@settings(max_examples=25)
@given(orders, st.sampled_from([None, Status.CANCELLED]))
def test_a_host_that_only_an_interrupt_tainted_is_kept(numbers: list[int], status: Status | None) -> None:
    drive = interrupted(status)
    web = drive.world.named("web-1")
    web.tainted = True
    assert drive.run(shop(), chooser(numbers)).complete
    assert drive.world.named("web-1") is web
    assert drive.world.log == ["keep host.web-1"]


@settings(max_examples=25)
@given(orders, unfinished)
def test_a_tainted_host_that_is_not_well_is_made_anew(numbers: list[int], status: Status | None) -> None:
    drive = interrupted(status)
    web = drive.world.named("web-1")
    web.tainted = True
    web.key = "ssh-ed25519 ANOTHER"  # it does not answer as the host that it was
    assert drive.run(shop(), chooser(numbers)).complete
    assert drive.world.named("web-1").id != web.id
    assert drive.world.done["create web-1"] == 1
    assert drive.world.named("web-1").configured == ["app"]


@settings(max_examples=25)
@given(orders)
def test_a_host_that_was_tainted_when_somebody_stopped_the_tool_is_kept(numbers: list[int]) -> None:
    drive = interrupted(Status.FAILED, {CUT_OFF: True})
    web = drive.world.named("web-1")
    web.tainted = True
    assert drive.run(shop(), chooser(numbers)).complete
    assert drive.world.named("web-1") is web


@settings(max_examples=25)
@given(orders)
def test_what_a_failed_apply_tainted_is_made_anew(numbers: list[int]) -> None:
    drive = interrupted(Status.FAILED)
    web = drive.world.named("web-1")
    web.tainted = True
    assert drive.run(shop(), chooser(numbers)).complete
    assert drive.world.named("web-1").id != web.id


@settings(max_examples=25)
@given(orders)
def test_after_an_apply_that_ended_well_what_others_made_is_left_alone(numbers: list[int]) -> None:
    drive = interrupted(Status.OK)
    drive.world.named("web-2").known = False
    drive.run(shop(), chooser(numbers))
    assert "adopt host.web-2" not in drive.world.log
