"""The parts of a resource that are paid for, and the values that every kind of resource is priced from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Final, Self

from lifecycle.cost.book import Kind, PriceBook, Unit
from lifecycle.cost.seen import NotKnown, Seen

NO_REGION: Final = "nobody says in which region it stands"

_PER: Final[Mapping[Unit, str]] = {
    Unit.HOUR: "per hour",
    Unit.MONTH: "per month",
    Unit.GB_MONTH: "per GB",
    Unit.IOPS_MONTH: "per IOPS",
    Unit.MBPS_MONTH: "per MB/s",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a resource: what it costs a month, or (`month` is None) the reason why nobody knows."""

    what: str
    month: Decimal | None = None
    basis: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()

    def noting(self, *notes: str) -> "Part":
        """With more notes; empty ones are left out."""
        return replace(self, notes=(*self.notes, *filter(None, notes)))

    def times(self, number: Decimal) -> "Part":
        """As often as that."""
        if self.month is None or number == 1:
            return self
        return replace(self, month=self.month * number, basis=f"{plain(number)} × {self.basis}")

    def named(self, what: str) -> "Part":
        """Under another name."""
        return replace(self, what=what)


@dataclass(frozen=True, slots=True)
class Resource:
    """One managed resource as it is on one side of a plan. `id` is empty where it does not exist yet."""

    address: str
    type: str
    seen: Seen
    region: str = ""
    id: str = ""


@dataclass(frozen=True)
class Around:
    """The resources of all plans on the same side, by type: what some are priced with, or must not be counted twice with."""

    by_type: Mapping[str, Sequence[Resource]] = field(default_factory=dict)

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> Self:
        """Sorted by type."""
        found: dict[str, list[Resource]] = {}
        for one in resources:
            found.setdefault(one.type, []).append(one)
        return cls(found)

    @cached_property
    def volumes(self) -> frozenset[str]:
        """Ids of the volumes that are resources of their own."""
        return frozenset(one.id for one in self.by_type.get("aws_ebs_volume", ()) if one.id)

    @cached_property
    def elastic(self) -> frozenset[str]:
        """The elastic addresses, and the ids of the instances that have one."""
        found = (one.seen for one in self.by_type.get("aws_eip", ()))
        return frozenset(str(s.get(key)) for s in found for key in ("public_ip", "instance") if s.knows(key)) - {""}


@dataclass(frozen=True, slots=True)
class Look:
    """A resource, with the prices and the neighbours to see it by."""

    resource: Resource
    book: PriceBook
    around: Around

    @property
    def seen(self) -> Seen:
        """Its values."""
        return self.resource.seen

    def priced(self, what: str, kind: Kind, name: str, quantity: Decimal = Decimal(1), said: str | None = None) -> Part:
        """A part by its price; one without a price where the book has none. `said`: what is priced, for people; default: its name."""
        region = self.resource.region
        shown = name.rpartition("/")[2]
        price = self.book.price(kind, name, region)
        if price is None and not region:
            return Part(what, reason=NO_REGION)
        if price is None and region not in self.book.regions:
            return Part(what, reason=f"there are no prices for the region {region}")
        if price is None:
            engine = f" with {name.partition('/')[0]}" if kind.by_engine else ""
            return Part(what, reason=f"there is no price of {shown}{engine} in {region}")
        basis = f"{plain(price)} {_PER[kind.unit]}"
        words = shown if said is None else said
        return Part(what, price * kind.unit.in_a_month * quantity, f"{words}, {basis}" if words else basis)

    def volume(self, what: str, block: Seen, *, kind: str = "volume_type", size: str = "volume_size") -> Part:
        """A block volume: its gigabytes, and the operations and throughput beyond what is included."""
        volume, gigabytes = block.text(kind), block.number(size)
        parts = [self.priced(what, Kind.VOLUME, volume, gigabytes, f"{plain(gigabytes)} GB of {volume}")]
        for name, price, included in _BEYOND.get(volume, ()):
            more = block.number(name) - included if block.knows(name) else Decimal(0)
            if more > 0:
                parts.append(self.priced(what, price, volume, more, f"{plain(more)} more {name}"))
        return joined(what, parts)


_BEYOND: Final[Mapping[str, tuple[tuple[str, Kind, Decimal], ...]]] = {
    "gp3": (("iops", Kind.VOLUME_IOPS, Decimal(3000)), ("throughput", Kind.VOLUME_THROUGHPUT, Decimal(125))),
    "io1": (("iops", Kind.VOLUME_IOPS, Decimal(0)),),
    "io2": (("iops", Kind.VOLUME_IOPS, Decimal(0)),),
}
"""Volume type → what is paid beyond gigabytes, and how much of it is included. Source: Amazon EBS pricing."""


def joined(what: str, parts: Sequence[Part]) -> Part:
    """Several prices of one part; without a price where one of them has none."""
    missing = next((part for part in parts if part.month is None), None)
    if missing is not None:
        return replace(missing, what=what)
    month = sum((part.month for part in parts if part.month is not None), Decimal(0))
    notes = tuple(note for part in parts for note in part.notes)
    return Part(what, month, ", ".join(part.basis for part in parts), notes=notes)


def attempt(what: str, make: Callable[[], Part]) -> Part:
    """What `make` gives, or a part without a price where something that it needs is not known."""
    try:
        return make()
    except NotKnown as unknown:
        return Part(what, reason=str(unknown))


def plain(number: Decimal) -> str:
    """A number without zeros at its end: `0.0104`, `20`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
