"""`baton prices`: the prices that costs are estimated by, and new ones from a vendor's offer file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from adapters import settings as settings_of
from baton import console
from baton.options import Json
from baton.views import prices_table
from lifecycle.errors import BatonError, ExitCode

app = App(
    name="prices", help="The prices that costs are estimated by: show them, and make new ones from an AWS offer file."
)

Type = Annotated[
    str, Parameter(help="Only these: a Terraform type (aws_instance), a kind (volume), or a name (t3.micro).")
]
Region = Annotated[str, Parameter(name="--region", help="Only this region. Default: all that are known.")]
Offer = Annotated[Path, Parameter(help="A region's offer file of AmazonEC2 or AmazonRDS, as JSON.")]
OfRegion = Annotated[str, Parameter(name="--region", help="The region to take the prices of.")]


class NoPrice(BatonError):
    """There is no such price."""

    exit_code = ExitCode.USAGE


@app.command
def show(type: Type = "", *, region: Region = "", json: Json = False) -> int:
    """Show the prices that are known, with the day that they are of: the packaged list prices, and yours over them."""
    from adapters.prices.catalogue import price_book
    from lifecycle.cost.estimating import PRICED
    from lifecycle.report.cost import book_rows

    book = price_book(settings_of.load())
    if region and region not in book.regions:
        raise NoPrice(
            f"there are no prices for the region {region}", hint=f"regions: {', '.join(sorted(book.regions))}"
        )
    kinds = [kind.value for kind in PRICED[type].kinds] if type in PRICED else []
    rows = list(book_rows(book, [region] if region else sorted(book.regions), [type, *kinds] if type else ()))
    usage = "costs nothing in itself" if type and book.is_free(type) else book.usage.get(type, "")
    if not rows and not usage:
        raise NoPrice(f"there is no price of '{type}'", hint="all prices: baton prices show")
    if json:
        _emit(rows, book.currency, book.as_of.isoformat())
        return 0
    if rows:
        console.out.print(prices_table(rows))
    if usage:
        words = usage if book.is_free(type) else f"depends on use, and is in no estimate: {usage}"
        console.out.print(f"{type} {words}", markup=False)
    console.out.print(f"{book.currency}, as of {book.as_of.isoformat()}: {book.source}", markup=False, style="dim")
    return 0


@app.command(name="import")
def import_(file: Offer, *, region: OfRegion, json: Json = False) -> int:
    """Print a price file made from an AWS Price List offer file: on demand, Linux, shared tenancy, one zone."""
    from adapters.prices.offer import read_offer
    from adapters.prices.writer import written
    from lifecycle.report.cost import book_rows

    book = read_offer(file, region)
    if json:
        _emit(book_rows(book, [region]), book.currency, book.as_of.isoformat())
    else:
        console.out.print(written(book), markup=False, soft_wrap=True, end="")
    return 0


def _emit(rows: Iterable[tuple[str, ...]], currency: str, as_of: str) -> None:
    for region, kind, name, price, unit in rows:
        console.emit(
            "price", region=region, kind=kind, name=name, price=price, unit=unit, currency=currency, as_of=as_of
        )
