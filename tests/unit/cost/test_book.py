from datetime import date
from decimal import Decimal

import pytest

from lifecycle.cost.book import HOURS, Kind, PriceBook, Unit


def book(**fields: object) -> PriceBook:
    return PriceBook(**{"currency": "USD", "as_of": date(2025, 1, 1), "source": "a", **fields})  # type: ignore[arg-type]


def test_every_kind_has_a_unit() -> None:
    assert {kind.unit for kind in Kind} == set(Unit)


def test_a_month_has_730_hours_and_one_of_everything_else() -> None:
    assert Unit.HOUR.in_a_month == HOURS == 730
    assert {unit.in_a_month for unit in Unit if unit is not Unit.HOUR} == {Decimal(1)}


def test_a_regions_own_price_goes_before_the_one_for_everywhere() -> None:
    known = book(
        everywhere={Kind.MONTHLY: {"aws_kms_key": Decimal(1), "aws_route53_zone": Decimal("0.5")}},
        regions={"eu-west-1": {Kind.MONTHLY: {"aws_kms_key": Decimal(2)}}},
    )
    assert known.price(Kind.MONTHLY, "aws_kms_key", "eu-west-1") == 2
    assert known.price(Kind.MONTHLY, "aws_kms_key", "nowhere") == 1
    assert known.price(Kind.INSTANCE, "t3.micro", "eu-west-1") is None
    assert list(known.in_region("eu-west-1")) == [
        (Kind.MONTHLY, "aws_kms_key", Decimal(2)),
        (Kind.MONTHLY, "aws_route53_zone", Decimal("0.5")),
    ]


def test_a_price_of_zero_is_a_price() -> None:
    known = book(everywhere={Kind.HOURLY: {"a": Decimal(1)}}, regions={"r": {Kind.HOURLY: {"a": Decimal(0)}}})
    assert known.price(Kind.HOURLY, "a", "r") == 0


def test_a_pattern_makes_whole_families_free() -> None:
    known = book(free=("aws_vpc", "random_*"))
    assert known.is_free("aws_vpc")
    assert known.is_free("random_pet")
    assert not known.is_free("aws_vpc_endpoint")


def test_own_prices_go_before_price_by_price_and_the_rest_stays() -> None:
    base = book(regions={"r": {Kind.INSTANCE: {"a": Decimal(1), "b": Decimal(2)}}}, free=("x",), usage={"u": "use"})
    own = PriceBook(
        "USD",
        date(2024, 5, 6),
        "ours",
        regions={"r": {Kind.INSTANCE: {"a": Decimal(9)}}, "s": {Kind.VOLUME: {"gp3": Decimal(1)}}},
        free=("y",),
    )
    both = base.under(own)
    assert both.regions == {
        "r": {Kind.INSTANCE: {"a": Decimal(9), "b": Decimal(2)}},
        "s": {Kind.VOLUME: {"gp3": Decimal(1)}},
    }
    assert (both.free, both.usage, both.source) == (("x", "y"), {"u": "use"}, "a; over it ours")
    assert both.as_of == date(2024, 5, 6), "the older day: no price is older"


def test_prices_in_two_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="prices in EUR cannot be laid over prices in USD"):
        book().under(PriceBook("EUR", date(2025, 1, 1), "b"))
