"""A host that others send traffic to is destroyed only after they were told, whatever ends first and whatever is killed."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.fake.driving import Choose, Drive, ports_for, shop, world_of_shop
from lifecycle.journal import Kind

orders = st.lists(st.integers(0, 1000), max_size=60)
DRAIN = "configure balance drain lb-1"
LEAVES = [DRAIN, "apply stack front", "destroy web-3", "configure balance lb-1"]


def chooser(numbers: list[int]) -> Choose:
    rest = iter(numbers)
    return lambda below: next(rest, 0) % below


def standing(web: int = 3) -> Drive:
    world = world_of_shop()
    drive = Drive(world, ports_for(world))
    assert drive.run(shop(web=web), chooser([])).complete
    world.log.clear()
    return drive


@settings(max_examples=25)
@given(orders)
def test_the_load_balancer_is_told_before_a_web_server_is_destroyed(numbers: list[int]) -> None:
    drive = standing()
    assert drive.run(shop(), chooser(numbers)).complete
    assert drive.broken_rules == []
    assert drive.world.log == LEAVES


@settings(max_examples=25)
@given(orders, st.integers(0, 25), orders)
def test_killed_in_between_nothing_is_destroyed_that_was_not_told_of(
    first: list[int], after: int, second: list[int]
) -> None:
    drive = standing()
    drive.run(shop(), chooser(first), kill_after=after)
    assert drive.run(shop(), chooser(second)).complete
    log = drive.world.log
    assert log.count("destroy web-3") == 1
    assert DRAIN in log[: log.index("destroy web-3")]
    assert log[-1] == "configure balance lb-1"


@settings(max_examples=25)
@given(orders, st.integers(0, 8), orders)
def test_who_was_drained_and_stays_after_all_is_put_back(first: list[int], after: int, second: list[int]) -> None:
    """Killed before the apply, and the third web server is wanted again: the load balancer is configured once more."""
    drive = standing()
    drive.run(shop(), chooser(first), kill_after=after)
    if "destroy web-3" in drive.world.log:
        return
    begun = any(s.kind is Kind.DRAIN for s in drive.started)  # an intent is enough: nobody knows how far it came
    assert drive.run(shop(web=3), chooser(second)).complete
    assert ("configure balance lb-1" in drive.world.log) == begun
    assert drive.world.named("web-3").configured == ["app"]


@settings(max_examples=25)
@given(orders)
def test_a_load_balancer_that_is_gone_holds_nobody_back(numbers: list[int]) -> None:
    drive = standing()
    del drive.world.instances[drive.world.named("lb-1").id]
    assert drive.run(shop(), chooser(numbers)).complete
    assert sorted(drive.world.log[:3]) == ["apply stack front", "create lb-1", "destroy web-3"]
    assert drive.world.log[3:] == ["configure balance lb-1"]


@settings(max_examples=25)
@given(orders, st.sampled_from([DRAIN, "await lb-1"]))
def test_where_telling_fails_nothing_is_destroyed(numbers: list[int], broken: str) -> None:
    drive = standing()
    drive.world.broken.add(broken)
    view = drive.run(shop(), chooser(numbers))
    assert not view.complete
    assert "apply stack front" not in drive.world.log
    assert view.observed.failures
    drive.world.broken.clear()
    drive.world.log.clear()
    assert drive.run(shop(), chooser(numbers)).complete
    assert drive.world.log == LEAVES


@settings(max_examples=25)
@given(orders, st.sampled_from([DRAIN, "await lb-1"]))
def test_where_telling_is_not_required_the_apply_goes_on(numbers: list[int], broken: str) -> None:
    drive = standing()
    drive.world.broken.add(broken)
    drive.run(shop(required=False), chooser(numbers))
    assert "destroy web-3" in drive.world.log


@settings(max_examples=25)
@given(orders)
def test_a_look_for_the_load_balancer_that_fails_is_no_proof_that_it_is_gone(numbers: list[int]) -> None:
    drive = standing()
    drive.world.broken.add("discover front")
    view = drive.run(shop(), chooser(numbers))
    assert [o.step.kind for o in view.observed.failures.values()] == [Kind.DISCOVER]
    assert drive.world.log == []


@settings(max_examples=25)
@given(orders)
def test_a_load_balancer_of_a_later_stack_is_told_too(numbers: list[int]) -> None:
    """The stack that holds it is not planned yet when the web server's is applied: a look by tag finds it."""

    def split(web: int) -> object:
        want = shop(web=web)
        edge = replace(want.stacks["front"], name="edge", needs=frozenset({"front"}), variables={"web": 0})
        front = replace(want.stacks["front"], variables={**want.stacks["front"].variables, "lb": False})
        return replace(want, stacks={**want.stacks, "front": front, "edge": edge})

    world = world_of_shop()
    drive = Drive(world, ports_for(world))
    assert drive.run(split(3), chooser([])).complete  # type: ignore[arg-type]
    world.log.clear()
    assert drive.run(split(2), chooser(numbers)).complete  # type: ignore[arg-type]
    assert world.log.index(next(e for e in world.log if " drain " in e)) < world.log.index("destroy web-3")
