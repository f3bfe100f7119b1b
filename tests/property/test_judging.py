"""What no plan knows is judged before anybody says `ready`, whatever ends first and whatever is killed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.fake.driving import Choose, Drive, ports_for, shop, world_of_shop
from lifecycle.cost import Estimate
from lifecycle.desired import Desired, Governance
from lifecycle.errors import ExitCode
from lifecycle.journal import Kind
from lifecycle.plan import Plan
from lifecycle.policy.finding import Finding, Level, Verdict
from lifecycle.preview.drawing import previewed_plans
from lifecycle.view import View

orders = st.lists(st.integers(0, 1000), max_size=60)
zones = st.dictionaries(st.sampled_from(["data", "front"]), st.sampled_from(["a", "b"]))


class Zones:
    """Hosts may be in zone `a` alone."""

    def findings(self, view: View, estimate: Estimate | None) -> Sequence[Finding]:
        return tuple(self._found(previewed_plans(view)))

    def _found(self, plans: Mapping[str, Plan]) -> Iterator[Finding]:
        for stack, plan in plans.items():
            for change in plan.changes:
                unknown, bad = "zone" in change.unknown, (change.after or {}).get("zone", "a") != "a"
                if unknown or bad:
                    verdict = Verdict.UNKNOWN if unknown else Verdict.DENY
                    yield Finding("zones", verdict, Level.MANDATORY, stack, change.address)

    def estimate(self, plans: Mapping[str, Plan]) -> Estimate | None:
        return None


def chooser(numbers: list[int]) -> Choose:
    rest = iter(numbers)
    return lambda below: next(rest, 0) % below


def governed() -> Desired:
    return replace(shop(), governance=Governance())


def _in_zone(zone: str, _: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"zone": zone}


def drive_in(zone_of: Mapping[str, str]) -> Drive:
    world = world_of_shop()
    for stack, zone in zone_of.items():
        world.modules[stack] = replace(world.modules[stack], later=partial(_in_zone, zone))
    return Drive(world, replace(ports_for(world), assessor=Zones()))


@given(zones, orders, st.lists(st.tuples(st.integers(0, 25), orders), max_size=3))
@settings(max_examples=60)
def test_killed_anywhere_it_is_ready_where_everything_is_right_and_nowhere_else(
    zone_of: dict[str, str], numbers: list[int], kills: list[tuple[int, list[int]]]
) -> None:
    drive, wrong = drive_in(zone_of), "b" in zone_of.values()
    for after, order in kills:
        assert not (drive.run(governed(), chooser(order), kill_after=after).complete and wrong)
    view = drive.run(governed(), chooser(numbers))
    assert view.complete is not wrong
    assert drive.broken_rules == []
    if wrong:
        assert ExitCode.POLICY_DENIED in {o.exit_code for o in view.observed.failures.values()}
        assert [k for k in drive.world.done if k.startswith("destroy")] == []


@given(zones, orders)
@settings(max_examples=40)
def test_each_stack_is_judged_once_and_only_where_something_was_not_known(
    zone_of: dict[str, str], numbers: list[int]
) -> None:
    drive = drive_in(zone_of)
    view = drive.run(governed(), chooser(numbers))
    judged = [s.subject for s in drive.started if s.kind is Kind.JUDGE]
    assert len(judged) == len(set(judged))
    assert set(judged) <= zone_of.keys()
    if view.complete:
        assert set(judged) == zone_of.keys()


@given(orders)
@settings(max_examples=40)
def test_nothing_begins_after_a_denial(numbers: list[int]) -> None:
    drive = drive_in({"data": "b", "front": "a"})
    drive.run(governed(), chooser(numbers))
    kinds = [s.kind for s in drive.started]
    assert Kind.APPLY in kinds
    assert [s.subject for s in drive.started if s.kind is Kind.APPLY] == ["data"]  # the judgement comes first
    assert Kind.JUDGE in kinds
