"""What an environment costs by list prices, before and after a plan. Pure: a plan and a price book in, an estimate out."""

from lifecycle.cost.book import PriceBook
from lifecycle.cost.budget import Budget, Overrun, overruns
from lifecycle.cost.estimate import Estimate, Line, Totals, Unpriced, UsageBased, saved, within
from lifecycle.cost.estimating import estimate

__all__ = [
    "Budget",
    "Estimate",
    "Line",
    "Overrun",
    "PriceBook",
    "Totals",
    "Unpriced",
    "UsageBased",
    "estimate",
    "overruns",
    "saved",
    "within",
]
