"""The price book: what a unit of each kind costs, by region, on one day."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, assert_never

HOURS: Final = Decimal(730)
"""Hours in a month: 8,760 hours of a year by twelve, as the vendors' own calculators count."""


class Unit(StrEnum):
    """What a price is for."""

    HOUR = "hour"
    MONTH = "month"
    GB_MONTH = "GB and month"
    IOPS_MONTH = "IOPS and month"
    MBPS_MONTH = "MB/s and month"

    @property
    def in_a_month(self) -> Decimal:
        """How many of it a month has."""
        return HOURS if self is Unit.HOUR else Decimal(1)


class Kind(StrEnum):
    """What can have a price. The values are the keys of a price file."""

    INSTANCE = "instance"
    VOLUME = "volume"
    VOLUME_IOPS = "volume_iops"
    VOLUME_THROUGHPUT = "volume_throughput"
    LOAD_BALANCER = "load_balancer"
    DATABASE = "database"
    DATABASE_STORAGE = "database_storage"
    DATABASE_IOPS = "database_iops"
    CACHE = "cache"
    TABLE_CAPACITY = "table_capacity"
    ENDPOINT = "endpoint"
    HOURLY = "hourly"
    MONTHLY = "monthly"

    @property
    def unit(self) -> Unit:
        """What its prices are for."""
        match self:
            case Kind.INSTANCE | Kind.LOAD_BALANCER | Kind.DATABASE | Kind.CACHE:
                return Unit.HOUR
            case Kind.TABLE_CAPACITY | Kind.ENDPOINT | Kind.HOURLY:
                return Unit.HOUR
            case Kind.VOLUME | Kind.DATABASE_STORAGE:
                return Unit.GB_MONTH
            case Kind.VOLUME_IOPS | Kind.DATABASE_IOPS:
                return Unit.IOPS_MONTH
            case Kind.VOLUME_THROUGHPUT:
                return Unit.MBPS_MONTH
            case Kind.MONTHLY:
                return Unit.MONTH
        assert_never(self)

    @property
    def by_engine(self) -> bool:
        """Whether its prices are named `ENGINE/NAME`: in a file, a mapping of engines to mappings."""
        return self in (Kind.DATABASE, Kind.CACHE)


Prices = Mapping[Kind, Mapping[str, Decimal]]
"""Kind → name → price of one unit."""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices of a day, by region, and what is known of types that have none.

    `region` is where something stands whose own plan does not tell. A flat price of a whole resource type (`hourly`,
    `monthly`) goes before what would be reckoned from its attributes.
    """

    currency: str
    as_of: date
    source: str
    region: str = ""
    regions: Mapping[str, Prices] = field(default_factory=dict)
    everywhere: Prices = field(default_factory=dict)
    free: tuple[str, ...] = ()  # resource types that cost nothing; `*` stands for anything
    usage: Mapping[str, str] = field(default_factory=dict)  # resource type → what of its cost depends on its use

    def price(self, kind: Kind, name: str, region: str) -> Decimal | None:
        """The price of one unit; None where nobody knows it. A region's own price goes before the one for everywhere."""
        own = self.regions.get(region, {}).get(kind, {}).get(name)
        return self.everywhere.get(kind, {}).get(name) if own is None else own

    def sells(self, kind: Kind, name: str) -> bool:
        """Whether it has such a price for any region."""
        return any(name in prices.get(kind, {}) for prices in (self.everywhere, *self.regions.values()))

    def is_free(self, type: str) -> bool:
        """Whether resources of a type cost nothing."""
        return _matches(type, self.free)

    def in_region(self, region: str) -> Iterator[tuple[Kind, str, Decimal]]:
        """Every price that holds in a region, by kind and name."""
        own = self.regions.get(region, {})
        for kind in Kind:
            prices = {**self.everywhere.get(kind, {}), **own.get(kind, {})}
            yield from ((kind, name, prices[name]) for name in sorted(prices))

    def under(self, own: "PriceBook") -> "PriceBook":
        """With somebody's own prices laid over it, price by price; both must be in one currency."""
        if own.currency != self.currency:
            raise ValueError(f"prices in {own.currency} cannot be laid over prices in {self.currency}")
        return replace(
            self,
            as_of=min(self.as_of, own.as_of),  # no price is older than that
            source=f"{self.source}; over it {own.source}",
            regions={name: _over(self.regions.get(name, {}), own.regions.get(name, {})) for name in self._with(own)},
            everywhere=_over(self.everywhere, own.everywhere),
            free=tuple(dict.fromkeys((*self.free, *own.free))),
            usage={**self.usage, **own.usage},
        )

    def _with(self, own: "PriceBook") -> list[str]:
        return list(dict.fromkeys((*self.regions, *own.regions)))


@lru_cache
def _matches(type: str, patterns: tuple[str, ...]) -> bool:
    """Asked for every resource of a plan, which has few types."""
    return any(fnmatchcase(type, pattern) for pattern in patterns)


def _over(base: Prices, own: Prices) -> Prices:
    return {kind: {**base.get(kind, {}), **own.get(kind, {})} for kind in Kind if kind in base or kind in own}
