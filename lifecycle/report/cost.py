"""An estimate for people and for programs."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from lifecycle.blueprint.scalars import format_duration
from lifecycle.cost.book import PriceBook
from lifecycle.cost.budget import Limit, Overrun
from lifecycle.cost.estimate import Estimate, Line, Totals, saved, within
from lifecycle.digest import digest
from lifecycle.report.words import counted

WIDTH: Final = 80
"""Columns that the text keeps to."""
ROWS: Final = 10
"""Resources that are shown by name, those that cost most or change most first."""
_AMOUNT: Final = 11
_NAME: Final = WIDTH - 3 * _AMOUNT


def cost_text(estimate: Estimate, lease_remaining: timedelta | None = None) -> Iterator[str]:
    """What it costs a month: a table of what costs most, the sums, and everything that is not in them."""
    yield from _wrapped(f"cost per month in {estimate.currency}, {_prices(estimate)}", "", "  ")
    if estimate.lines:
        yield _row("", "before", "after", "change")
        yield from _resources(estimate)
        if len(estimate.stacks) > 1:
            yield from (_totals(f"stack {name}", totals) for name, totals in estimate.by_stack.items())
    yield _totals("total" if estimate.complete else "total of what is known", estimate.total)
    if lease_remaining is not None:
        yield from _lease(estimate, lease_remaining)
    yield from _notes("notes", ((line.address, note) for line in estimate.lines for note in line.notes))
    yield from _notes(
        "not in the sum, nobody knows the price", ((_named(u.address, u.what), u.reason) for u in estimate.unpriced)
    )
    yield from _notes("not in the sum, depends on use", ((one.type, one.what) for one in estimate.usage_based))
    yield from _notes("not in the sum, not planned", ((f"stack {name}", "") for name in estimate.unplanned))
    yield from _wrapped(f"prices: {estimate.source}", "", "  ")


def cost_fields(estimate: Estimate, lease_remaining: timedelta | None = None) -> dict[str, Any]:
    """An estimate for programs: its document, its digest, and what it costs until the lease ends. Amounts are texts."""
    spent, less = within(estimate, lease_remaining), saved(estimate, lease_remaining)
    return {
        **estimate.document,
        "digest": digest(estimate.document),
        "until_lease_ends": None if spent is None else str(spent),
        "saved_by_lease": None if less is None else str(less),
    }


def overrun_words(overrun: Overrun, currency: str) -> str:
    """A limit that is passed, as a sentence."""
    what = {Limit.MAX_MONTHLY: "it would cost", Limit.MAX_INCREASE: "this change would add"}[overrun.limit]
    return (
        f"{what} {_money(overrun.found)} {currency} a month, and cost.{overrun.limit} allows {_money(overrun.allowed)}"
    )


def book_rows(book: PriceBook, regions: Iterable[str], wanted: Iterable[str] = ()) -> Iterator[tuple[str, ...]]:
    """(region, kind, name, price, unit) of the prices that hold there; `wanted` are words of which a kind or a name must be one."""
    words = frozenset(wanted)
    for region in regions:
        for kind, name, price in book.in_region(region):
            if not words or words & {kind.value, name, *name.split("/")}:
                yield region, kind.value, name, f"{price:f}", kind.unit.value


def _prices(estimate: Estimate) -> str:
    regions = ", ".join(estimate.regions) or estimate.region
    return f"prices of {estimate.as_of.isoformat()}" + (f" for {regions}" if regions else "")


def _resources(estimate: Estimate) -> Iterator[str]:
    """A row for each resource, with how it was reckoned below it; those beyond the first few in one row."""
    found: dict[tuple[str, str], list[Line]] = {}
    for line in estimate.lines:
        found.setdefault((line.stack, line.address), []).append(line)
    rows = sorted(found.items(), key=lambda item: (*_weight(item[1]), item[0]))
    many = len(estimate.stacks) > 1
    for (stack, address), lines in rows[:ROWS]:
        yield _totals(f"  {stack}: {address}" if many else f"  {address}", Totals.of(lines))
        yield from _wrapped("; ".join(f"{x.what}: {x.basis}" if x.what else x.basis for x in lines), "    ", "    ")
    if rest := [line for _, lines in rows[ROWS:] for line in lines]:
        yield _totals(f"  and {counted(len(rows) - ROWS, 'more resource')}", Totals.of(rest))


def _weight(lines: list[Line]) -> tuple[Decimal, Decimal]:
    totals = Totals.of(lines)
    return -abs(totals.delta), -totals.after


def _totals(name: str, totals: Totals) -> str:
    change = f"{totals.delta:+,.2f}" if totals.delta else "-"
    return _row(name, _money(totals.before), _money(totals.after), change)


def _row(name: str, *amounts: str) -> str:
    return _cut(name, _NAME).ljust(_NAME) + "".join(amount.rjust(_AMOUNT) for amount in amounts)


def _cut(text: str, width: int) -> str:
    """A text that fits; of one that does not, its beginning and its end, which tell resources apart."""
    if len(text) <= width:
        return text
    end = width // 3
    return f"{text[: width - end - 1]}…{text[-end:]}"


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _named(text: str, what: str) -> str:
    return f"{text} ({what})" if what else text


def _lease(estimate: Estimate, remaining: timedelta) -> Iterator[str]:
    spent, less = within(estimate, remaining), saved(estimate, remaining)
    assert spent is not None
    assert less is not None
    left = format_duration(max(timedelta(minutes=remaining // timedelta(minutes=1)), timedelta(0)))
    yield f"until its lease ends in {left}: {_money(spent)}, {_money(less)} less than in a whole month"


def _notes(title: str, found: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Notes under a title, those that say the same together; nothing where there is none."""
    said: dict[str, list[str]] = {}
    for name, words in found:
        said.setdefault(words, []).append(name)
    if not said:
        return
    yield f"{title}:"
    for words, names in said.items():
        yield from _wrapped(f"{_together(names)}{': ' if words else ''}{words}", "  ", "    ")


def _together(names: list[str]) -> str:
    """Names of what the same is said of, each once, with how often; those beyond the first few only counted."""
    count: Mapping[str, int] = {name: names.count(name) for name in dict.fromkeys(names)}
    shown = [f"{name} (×{n})" if n > 1 else name for name, n in count.items()]
    more = len(shown) - 4
    return ", ".join(shown) if more < 2 else f"{', '.join(shown[:4])} and {more} more"


def _wrapped(text: str, first: str, others: str) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
