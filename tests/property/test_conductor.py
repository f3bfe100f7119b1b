"""Whatever ends first, whatever is killed: the same end, nothing too early, nothing twice."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.fake.driving import Choose, Drive, ports_for, shop, world_of_shop
from adapters.fake.hosts import FakeHosts
from lifecycle.conductor import next_steps
from lifecycle.desired import Goal
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.inventory import Host, Ready
from lifecycle.journal import Kind, Step
from lifecycle.ports import Run

orders = st.lists(st.integers(0, 1000), max_size=60)


def chooser(numbers: list[int]) -> Choose:
    """A choice from a list of numbers; when they are used up, the oldest step ends first."""
    rest = iter(numbers)
    return lambda below: next(rest, 0) % below


def new_drive() -> Drive:
    world = world_of_shop()
    return Drive(world, ports_for(world))


def configured(drive: Drive) -> dict[str, tuple[str, ...]]:
    return {i.name: tuple(dict.fromkeys(i.configured)) for i in drive.world.instances.values()}


END = {"db-1": ("mysql",), "web-1": ("app",), "web-2": ("app",), "lb-1": ("balance",)}


@given(orders)
def test_every_order_of_completions_reaches_the_same_end(numbers: list[int]) -> None:
    drive = new_drive()
    view = drive.run(shop(), chooser(numbers))
    assert view.complete
    assert drive.broken_rules == []
    assert configured(drive) == END
    assert {k: n for k, n in drive.world.done.items() if n > 1} == {}


@given(orders)
def test_nothing_runs_before_what_it_needs(numbers: list[int]) -> None:
    drive = new_drive()
    drive.run(shop(), chooser(numbers))
    log = drive.world.log
    assert log.index("apply stack data") < log.index("apply stack front")
    for web in ("web-1", "web-2"):
        assert (
            log.index("configure mysql db-1") < log.index(f"configure app {web}") < log.index("configure balance lb-1")
        )
    begun = [s.key for s in drive.started]
    first_app = next(n for n, s in enumerate(drive.started) if s.kind is Kind.CONFIGURE and s.subject == "app")
    assert begun.index("verify:db-answers") < first_app


@given(orders)
def test_a_second_run_looks_at_everything_and_changes_nothing(numbers: list[int]) -> None:
    drive = new_drive()
    drive.run(shop(), chooser([]))
    before, drive.started = list(drive.world.log), []
    view = drive.run(shop(), chooser(numbers))
    assert view.complete
    assert drive.world.log == before
    kinds = {s.kind for s in drive.started}
    assert kinds == {Kind.PLAN, Kind.AWAIT, Kind.VERIFY}


@given(orders, st.lists(st.tuples(st.integers(0, 25), orders), max_size=4))
@settings(max_examples=200)
def test_killed_anywhere_and_run_again_it_ends_where_an_undisturbed_run_ends(
    numbers: list[int], kills: list[tuple[int, list[int]]]
) -> None:
    drive = new_drive()
    for after, order in kills:
        drive.run(shop(), chooser(order), kill_after=after)
    view = drive.run(shop(), chooser(numbers))
    assert view.complete
    assert configured(drive) == END
    assert [k for k in drive.world.done if k.startswith("destroy")] == []
    assert {k for k, n in drive.world.done.items() if k.startswith("create") and n > 1} == set()


@given(orders)
def test_a_changed_role_reconfigures_exactly_the_hosts_that_it_concerns(numbers: list[int]) -> None:
    drive = new_drive()
    drive.run(shop(), chooser([]))
    before = len(drive.world.log)
    assert drive.run(shop(web_print="web-2"), chooser(numbers)).complete
    assert sorted(drive.world.log[before:]) == ["configure app web-1", "configure app web-2"]


@given(orders)
def test_one_more_host_disturbs_only_who_must_know_it(numbers: list[int]) -> None:
    drive = new_drive()
    drive.run(shop(), chooser([]))
    before = len(drive.world.log)
    assert drive.run(shop(web=3), chooser(numbers)).complete
    acts = ["apply stack front", "create web-3", "configure app web-3", "configure balance lb-1"]
    assert drive.world.log[before:] == acts


@given(orders, st.sampled_from(["db-1", "web-1", "web-2", "lb-1"]))
def test_a_host_that_died_is_made_again_and_configured_and_nobody_else_is(numbers: list[int], name: str) -> None:
    drive = new_drive()
    drive.run(shop(), chooser([]))
    del drive.world.instances[drive.world.named(name).id]
    before = len(drive.world.log)
    assert drive.run(shop(), chooser(numbers)).complete
    stack, step = {"db-1": ("data", "mysql"), "lb-1": ("front", "balance")}.get(name, ("front", "app"))
    assert drive.world.log[before:] == [f"apply stack {stack}", f"create {name}", f"configure {step} {name}"]


@given(orders)
def test_one_failed_host_stops_what_needs_it_and_nothing_else(numbers: list[int]) -> None:
    drive = new_drive()
    drive.world.broken.add("configure app web-2")
    view = drive.run(shop(), chooser(numbers))
    assert not view.complete
    assert configured(drive) == END | {"web-2": (), "lb-1": ()}
    assert drive.world.done["configure app web-2"] == 1  # a run does not try the same thing twice
    drive.world.broken.clear()
    before = len(drive.world.log)
    assert drive.run(shop(), chooser(numbers)).complete
    assert drive.world.log[before:] == ["configure app web-2", "configure balance lb-1"]


@given(orders, st.integers(0, 12))
def test_a_teardown_goes_in_reverse_order_and_ends_with_a_look_that_finds_nothing(
    numbers: list[int], kill: int
) -> None:
    drive = new_drive()
    drive.run(shop(), chooser([]))
    drive.run(shop(goal=Goal.DOWN), chooser(numbers), kill_after=kill)
    view = drive.run(shop(goal=Goal.DOWN), chooser(numbers))
    assert view.complete
    assert drive.world.instances == {}
    assert drive.world.log.index("destroy stack front") < drive.world.log.index("destroy stack data")


def test_a_host_is_awaited_and_configured_while_its_stack_is_still_being_applied() -> None:
    """The handoff is pipelined inside one stack: the apply of `data` never ends here, and db-1 is configured all the same."""
    drive = new_drive()
    desired = shop()

    def everything_but_the_apply(below: int) -> int:
        return below - 1 if below > 1 else 0

    plan = next_steps(desired, drive.journal, drive.observed)
    assert [s.key for s in plan] == ["plan:data"]
    drive.world.create("data", "db-1", ("db",))  # as the cloud has it, before Terraform says so
    begun: list[Step] = []
    view = drive.run(desired, everything_but_the_apply, kill_after=4)
    begun = drive.started
    assert view.observed.busy(Kind.APPLY, "data")
    assert [s.subject for s in begun if s.kind is Kind.CONFIGURE] == ["mysql"]
    assert drive.world.named("db-1").configured == ["mysql"]


class Mistagged(FakeHosts):
    """Hosts whose tags tell nothing but lies: other groups, and an address where nobody answers."""

    def discover(self, environment: EnvironmentRef, stack: str) -> Sequence[Host]:
        seen = super().discover(environment, stack)
        return [replace(h, groups=("lb",), facts={"public_address": "nowhere"}) for h in seen]

    def await_ready(self, host: Host, run: Run) -> Ready:
        if host.connection.address == "nowhere":
            raise BatonError(f"{host.name} does not answer")
        return super().await_ready(host, run)


@given(orders)
def test_whatever_tags_say_of_a_host_its_outputs_decide_where_it_is_and_what_it_is(numbers: list[int]) -> None:
    world = world_of_shop()
    drive = Drive(world, replace(ports_for(world), hosts=Mistagged(world)))
    view = drive.run(shop(), chooser(numbers))
    assert view.complete
    assert drive.broken_rules == []
    assert view.observed.failures == {}
    groups = {i.name: i.groups for i in world.instances.values()}
    assert {h.name: h.groups for h in view.ready_hosts.values()} == groups
    assert all(i.configured == list(END[i.name]) for i in world.instances.values())
