"""What is asked of an estimate: until a lease ends, against limits, and for what it cannot know."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from lifecycle.cost import Budget, Estimate, Line, PriceBook, estimate, overruns, saved, within
from lifecycle.cost.book import Kind
from lifecycle.cost.budget import Limit
from lifecycle.plan import Action, Fidelity, Plan, ResourceChange
from lifecycle.report.cost import cost_fields, overrun_words

BOOK = PriceBook("USD", date(2025, 1, 1), "test", everywhere={Kind.MONTHLY: {"thing": Decimal(73)}})


def costing(before: str, after: str) -> Estimate:
    line = Line("web", "a", "thing", "", "", Decimal(before), Decimal(after), "")
    return Estimate("USD", date(2025, 1, 1), "test", "", ("web",), (line,))


@pytest.mark.parametrize(
    ("left", "spent", "less"),
    [
        (timedelta(hours=73), Decimal("7.30"), Decimal("65.70")),
        (timedelta(0), Decimal("0.00"), Decimal("73.00")),
        (timedelta(hours=-5), Decimal("0.00"), Decimal("73.00")),
        (timedelta(hours=7300), Decimal("730.00"), Decimal("0.00")),
        (None, None, None),
    ],
)
def test_a_lease_ends_what_is_paid(left: timedelta | None, spent: Decimal | None, less: Decimal | None) -> None:
    assert (within(costing("0.00", "73.00"), left), saved(costing("0.00", "73.00"), left)) == (spent, less)
    fields = cost_fields(costing("0.00", "73.00"), left)
    assert fields["until_lease_ends"] == (None if spent is None else str(spent))


def test_limits_that_are_passed_are_named_and_one_that_is_reached_is_not() -> None:
    found = overruns(costing("40.00", "73.00"), Budget(Decimal(73), Decimal("32.99")))
    assert [(o.limit, o.allowed, o.found) for o in found] == [(Limit.MAX_INCREASE, Decimal("32.99"), Decimal("33.00"))]
    assert overrun_words(found[0], "USD") == (
        "this change would add 33.00 USD a month, and cost.max_increase allows 32.99"
    )
    assert overruns(costing("40.00", "73.00"), Budget()) == ()
    assert [o.limit for o in overruns(costing("0.00", "9.00"), Budget(Decimal(1), Decimal(1)))] == list(Limit)


def test_a_plan_that_does_not_tell_everything_makes_the_estimate_incomplete() -> None:
    whole = Plan("whole", "")
    plans = {
        "whole": whole,
        "none": replace(whole, stack="none", fidelity=Fidelity.NONE),
        "part": replace(whole, stack="part", complete=False),
    }
    found = estimate(plans, BOOK, unplanned=("later",))
    assert found.unplanned == ("later", "none", "part")
    assert not found.complete
    assert estimate({"whole": whole}, BOOK).complete


def test_nobody_says_the_region_and_so_nobody_knows_the_price() -> None:
    change = ResourceChange("aws_lb.a", "aws_lb", Action.CREATE, after={})
    (unpriced,) = estimate({"web": Plan("web", "", changes=(change,))}, BOOK).unpriced
    assert unpriced.reason == "nobody says in which region it stands"


def test_a_flat_price_is_somebodys_word_on_the_whole_resource() -> None:
    book = replace(BOOK, everywhere={Kind.MONTHLY: {"aws_instance": Decimal(5)}})
    change = ResourceChange("aws_instance.a", "aws_instance", Action.CREATE, after={}, unknown=("instance_type",))
    (line,) = estimate({"web": Plan("web", "", changes=(change,))}, book).lines
    assert (line.what, line.after, line.basis) == ("", Decimal("5.00"), "5 per month")


def test_amounts_are_rounded_once_to_the_cent() -> None:
    book = replace(BOOK, everywhere={Kind.MONTHLY: {"thing": Decimal("0.005")}})
    changes = tuple(ResourceChange(f"thing.{n}", "thing", Action.CREATE, after={}) for n in range(3))
    found = estimate({"web": Plan("web", "", changes=changes)}, book)
    assert [line.after for line in found.lines] == [Decimal("0.01")] * 3
    assert found.total.after == Decimal("0.03")
