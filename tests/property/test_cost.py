"""For plans of any shape: sums are sums of lines, a change is after less before, and nothing that is paid for is lost."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.prices.reader import read_file
from lifecycle.cost import estimate
from lifecycle.cost.estimating import PRICED
from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.report.cost import WIDTH, cost_fields, cost_text

BOOK = replace(read_file(Path(__file__).parents[1] / "golden" / "cost" / "prices.yaml"), region="eu-west-1")
ATTRIBUTES: dict[str, st.SearchStrategy[Any]] = {
    "instance_type": st.sampled_from(["t3.micro", "m5.large", "x9.huge", "***", None]),
    "instance_class": st.sampled_from(["db.t3.micro", "db.x9.huge"]),
    "engine": st.sampled_from(["mysql", "postgres", "redis", "***"]),
    "size": st.integers(1, 1000) | st.just("20") | st.none(),
    "allocated_storage": st.integers(1, 1000) | st.none(),
    "type": st.sampled_from(["gp2", "gp3", "io1", ""]),
    "storage_type": st.sampled_from(["gp2", "gp3", "io1"]),
    "iops": st.integers(0, 16000),
    "multi_az": st.booleans(),
    "desired_capacity": st.integers(0, 20),
    "min_size": st.integers(0, 3),
    "node_type": st.just("cache.t3.micro"),
    "num_cache_nodes": st.integers(1, 6),
    "read_capacity": st.integers(0, 99),
    "write_capacity": st.integers(0, 99),
    "root_block_device": st.lists(
        st.fixed_dictionaries({"volume_size": st.integers(1, 99), "volume_type": st.sampled_from(["gp3", "st9"])}),
        max_size=1,
    ),
    "availability_zone": st.sampled_from(["eu-west-1a", "us-east-1b", "mars-north-1a"]),
}
VALUES = st.none() | st.fixed_dictionaries({}, optional=ATTRIBUTES)
TYPES = [*PRICED, "aws_kms_key", "aws_vpc", "aws_s3_bucket", "aws_nat_gateway", "aws_msk_cluster"]


@st.composite
def changes(draw: st.DrawFn) -> tuple[ResourceChange, ...]:
    return tuple(
        ResourceChange(
            f"{kind}.n{number}",
            kind,
            draw(st.sampled_from(Action)),
            before=draw(VALUES),
            after=draw(VALUES),
            unknown=tuple(draw(st.lists(st.sampled_from([*ATTRIBUTES, "id"]), max_size=3))),
        )
        for number, kind in enumerate(draw(st.lists(st.sampled_from(TYPES), max_size=8)))
    )


PLANS = st.dictionaries(st.sampled_from(["a", "b", "c"]), changes(), max_size=3).map(
    lambda found: {name: Plan(name, "", changes=of) for name, of in found.items()}
)


@given(PLANS)
def test_every_sum_is_the_sum_of_its_lines(plans: dict[str, Plan]) -> None:
    found = estimate(plans, BOOK)
    assert found.total.before == sum(line.before for line in found.lines)
    assert found.total.after == sum(line.after for line in found.lines)
    assert found.total.delta == found.total.after - found.total.before == sum(line.delta for line in found.lines)
    assert found.total.after == sum(totals.after for totals in found.by_stack.values())
    assert all(line.before >= 0 and line.after >= 0 for line in found.lines)
    assert all(one.reason for one in found.unpriced)


@given(PLANS)
def test_what_is_planned_back_and_forth_changes_by_the_opposite(plans: dict[str, Plan]) -> None:
    """A resource that is there on both sides, turned round: the same lines with their sides exchanged."""
    there = {
        name: tuple(
            replace(c, action=Action.UPDATE, unknown=(), before=c.before or {}, after=c.after or {})
            for c in plan.changes
        )
        for name, plan in plans.items()
    }
    turned = {name: tuple(replace(c, before=c.after, after=c.before) for c in of) for name, of in there.items()}
    one, other = (
        estimate({name: Plan(name, "", changes=of) for name, of in found.items()}, BOOK) for found in (there, turned)
    )
    assert other.total.delta == -one.total.delta


@given(PLANS)
def test_nothing_that_has_a_price_is_lost_without_a_word(plans: dict[str, Plan]) -> None:
    """Every resource that exists afterwards has a line or a reason, or is free or paid by its use."""
    found = estimate(plans, BOOK)
    said = {(line.stack, line.address) for line in found.lines} | {(one.stack, one.address) for one in found.unpriced}
    gone, silent = (Action.READ, Action.DELETE, Action.FORGET), {"aws_vpc", "aws_s3_bucket", "aws_vpc_endpoint"}
    for name, plan in plans.items():
        for change in plan.changes:
            if change.after is not None and change.action not in gone and change.type not in silent:
                assert (name, change.address) in said


@given(PLANS)
def test_every_text_fits_and_every_amount_is_exact(plans: dict[str, Plan]) -> None:
    found = estimate(plans, BOOK)
    assert all(len(line) <= WIDTH for line in cost_text(found))
    fields = cost_fields(found)
    assert fields == cost_fields(estimate(plans, BOOK))
    assert Decimal(fields["total"]["after"]) == found.total.after
