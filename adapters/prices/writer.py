"""A price book as a price file's text, which the reader gives back as it was."""

from collections.abc import Iterator
from decimal import Decimal

from lifecycle.cost.book import Kind, PriceBook, Prices


def written(book: PriceBook) -> str:
    """The prices of a book as YAML."""
    return "\n".join(_lines(book)) + "\n"


def _lines(book: PriceBook) -> Iterator[str]:
    yield "prices: 1"
    yield f"currency: {book.currency}"
    yield f"as_of: {book.as_of.isoformat()}"
    yield f'source: "{book.source}"'
    yield "regions:"
    for region, prices in sorted(book.regions.items()):
        yield f"  {region}:"
        yield from _kinds(prices)


def _kinds(prices: Prices) -> Iterator[str]:
    for kind in sorted(prices):
        yield f"    {kind}:"
        yield from _by_engine(prices, kind) if kind.by_engine else _named(sorted(prices[kind].items()), 6)


def _by_engine(prices: Prices, kind: Kind) -> Iterator[str]:
    last = ""
    for name, price in sorted(prices[kind].items()):
        engine, _, rest = name.partition("/")
        if engine != last:
            yield f"      {engine}:"
            last = engine
        yield from _named([(rest, price)], 8)


def _named(prices: list[tuple[str, Decimal]], indent: int) -> Iterator[str]:
    yield from (f"{'':{indent}}{name}: {price.normalize():f}" for name, price in prices)
