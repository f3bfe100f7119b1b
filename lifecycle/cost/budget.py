"""Limits on cost, and what an estimate says about them."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from lifecycle.cost.estimate import Estimate


class Limit(StrEnum):
    """What can be limited. The values are the blueprint's keys under `cost`."""

    MAX_MONTHLY = "max_monthly"
    MAX_INCREASE = "max_increase"


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that an environment may cost a month, and that one change may add to it; None: as much as it likes."""

    max_monthly: Decimal | None = None
    max_increase: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Overrun:
    """A limit that is passed. `found` is what is known: with parts that have no price, it is more."""

    limit: Limit
    allowed: Decimal
    found: Decimal


def overruns(estimate: Estimate, budget: Budget) -> tuple[Overrun, ...]:
    """The limits that what is known passes. None of an incomplete estimate does not mean that it keeps within them."""
    found = (
        (Limit.MAX_MONTHLY, budget.max_monthly, estimate.total.after),
        (Limit.MAX_INCREASE, budget.max_increase, estimate.total.delta),
    )
    return tuple(
        Overrun(limit, allowed, amount) for limit, allowed, amount in found if allowed is not None and amount > allowed
    )
