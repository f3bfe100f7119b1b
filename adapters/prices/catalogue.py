"""The price book that holds here: the packaged catalogue, the setting's prices over it, and the blueprint's over those."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from adapters.prices.reader import PricesInvalid, read_file
from adapters.settings import Settings
from lifecycle.blueprint.model import Cost
from lifecycle.blueprint.problems import Problem
from lifecycle.cost.book import PriceBook

PACKAGED: Final = Path(__file__).with_name("aws.yaml")
_REGION_VARIABLES: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")


def price_book(
    settings: Settings,
    base: Path = Path(),
    cost: Cost | None = None,
    *,
    cloud_region: str = "",
    environ: Mapping[str, str] = os.environ,
) -> PriceBook:
    """The prices for a blueprint in the folder `base`. Raises PricesMissing, PricesInvalid.

    Its region is `cost.region`, else that of the cloud that is meant, else that of the AWS environment, else none.
    """
    book = read_file(PACKAGED)
    if settings.prices:
        book = _over(book, Path(settings.prices).expanduser())
    if cost and cost.prices:
        book = _over(book, base / Path(cost.prices).expanduser())
    from_environment = next((environ[name] for name in _REGION_VARIABLES if environ.get(name)), "")
    return replace(book, region=(cost and cost.region) or cloud_region or from_environment)


def _over(book: PriceBook, path: Path) -> PriceBook:
    own = read_file(path)
    try:
        return book.under(own)
    except ValueError as error:
        raise PricesInvalid([Problem(str(path), 1, 1, "currency", str(error))]) from None
