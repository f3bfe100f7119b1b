"""An estimate, as frozen values: what each part costs a month before and after, and what is not in the sum."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Self

from lifecycle.cost.book import HOURS

NOTHING: Final = Decimal("0.00")
_CENT: Final = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """An amount to the cent. Lines are rounded, and sums are sums of lines: so every table adds up."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums per month."""

    before: Decimal = NOTHING
    after: Decimal = NOTHING

    @classmethod
    def of(cls, lines: Iterable["Line"]) -> Self:
        """Of some lines."""
        found = tuple(lines)
        return cls(sum((line.before for line in found), NOTHING), sum((line.after for line in found), NOTHING))

    @property
    def delta(self) -> Decimal:
        """What it costs more than before; negative where it costs less."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Line:
    """One part of a resource that is paid for, per month, to the cent. `before` is zero for what is new, `after` for what goes."""

    stack: str
    address: str
    type: str
    region: str
    what: str  # which part: `instance`, `root volume`; empty where the whole resource has one price
    before: Decimal
    after: Decimal
    basis: str  # how it was reckoned: `t3.micro, 0.0104 per hour`
    notes: tuple[str, ...] = ()

    @property
    def delta(self) -> Decimal:
        """What it costs more than before."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Something that is paid for, nobody knows how much. It is in no sum, also not the side that would be known."""

    stack: str
    address: str
    type: str
    region: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class UsageBased:
    """A resource whose cost depends, wholly or in part, on how much it is used: that part is in no sum."""

    stack: str
    address: str
    type: str
    what: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the planned stacks cost a month, by the prices of a day. `stacks` are those that were planned, in order."""

    currency: str
    as_of: date
    source: str
    region: str  # where something counts as standing whose plan does not tell
    stacks: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    unpriced: tuple[Unpriced, ...] = ()
    usage_based: tuple[UsageBased, ...] = ()
    unplanned: tuple[str, ...] = ()  # stacks that nobody can plan yet, or whose plan does not tell everything

    @property
    def total(self) -> Totals:
        """Of all stacks."""
        return Totals.of(self.lines)

    @property
    def by_stack(self) -> Mapping[str, Totals]:
        """Of each planned stack."""
        return {name: Totals.of(line for line in self.lines if line.stack == name) for name in self.stacks}

    @property
    def complete(self) -> bool:
        """Whether everything that has a fixed price is in the sums. What depends on use never is."""
        return not self.unpriced and not self.unplanned

    @property
    def regions(self) -> tuple[str, ...]:
        """Where the things stand that it is about."""
        return tuple(sorted(({line.region for line in self.lines} | {one.region for one in self.unpriced}) - {""}))

    @property
    def document(self) -> dict[str, Any]:
        """All of it as plain values, amounts as texts: the same for the same plans and prices, so good for a digest."""
        return {
            "currency": self.currency,
            "as_of": self.as_of.isoformat(),
            "source": self.source,
            "region": self.region,
            "regions": list(self.regions),
            "complete": self.complete,
            "total": _totals(self.total),
            "stacks": {name: _totals(totals) for name, totals in self.by_stack.items()},
            "lines": [
                {
                    "stack": line.stack,
                    "address": line.address,
                    "type": line.type,
                    "region": line.region,
                    "what": line.what,
                    "before": str(line.before),
                    "after": str(line.after),
                    "basis": line.basis,
                    "notes": list(line.notes),
                }
                for line in self.lines
            ],
            "unpriced": [
                {"stack": u.stack, "address": u.address, "type": u.type, "what": u.what, "reason": u.reason}
                for u in self.unpriced
            ],
            "usage_based": [
                {"stack": u.stack, "address": u.address, "type": u.type, "what": u.what} for u in self.usage_based
            ],
            "unplanned": list(self.unplanned),
        }


def within(estimate: Estimate, lease_remaining: timedelta | None) -> Decimal | None:
    """What it costs from now until its lease ends; None without a lease. Counted as if it ran all that time."""
    if lease_remaining is None:
        return None
    hours = max(Decimal(lease_remaining // timedelta(seconds=1)), Decimal(0)) / 3600
    return cents(estimate.total.after / HOURS * hours)


def saved(estimate: Estimate, lease_remaining: timedelta | None) -> Decimal | None:
    """What the end of a lease saves against a whole month; None without a lease, zero for one of a month or more."""
    spent = within(estimate, lease_remaining)
    return None if spent is None else max(estimate.total.after - spent, NOTHING)


def _totals(totals: Totals) -> dict[str, str]:
    return {"before": str(totals.before), "after": str(totals.after), "delta": str(totals.delta)}
