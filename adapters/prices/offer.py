"""An AWS Price List bulk offer file → PriceBook of one region.

Sources: docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html (offer files) and the files themselves,
pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEC2/current/REGION/index.json. On demand, Linux, shared tenancy, no
pre-installed software, one zone, used capacity: what the packaged catalogue holds too.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, NamedTuple

from adapters.prices.stream import NotJson, members
from lifecycle.cost.book import Kind, PriceBook
from lifecycle.errors import BatonError, ExitCode

OFFERS: Final = ("AmazonEC2", "AmazonRDS")
"""Codes of the offers that can be read."""

_CURRENCY: Final = "USD"


class OfferInvalid(BatonError):
    """This is no offer file of the AWS Price List that can be read."""

    exit_code = ExitCode.USAGE


class Sold(NamedTuple):
    """A product that the price book has a place for, and the unit that its price must be for."""

    kind: Kind
    name: str
    unit: str
    divisor: Decimal = Decimal(1)  # the offer's unit in ours


def read_offer(path: Path, region: str) -> PriceBook:
    """The prices of one region. Reads the file piece by piece: one of EC2 has hundreds of megabytes. Raises OfferInvalid."""
    head: dict[str, str] = {}
    sold: dict[str, Sold] = {}
    prices: dict[str, Decimal] = {}
    regions: set[str] = set()
    try:
        for where, value in members(path, depths={"products": 1, "terms": 2}):
            match where:
                case ("products", sku):
                    _product(sku, value, region, sold, regions)
                case ("terms", "OnDemand", sku):
                    _price(sku, value, sold, prices)
                case (str(name),) if isinstance(value, str):
                    head[name] = value
    except (OSError, NotJson) as error:
        raise OfferInvalid(f"{path} cannot be read: {error}", hint=_HINT) from None
    _check(path, head, region, regions)
    return PriceBook(
        currency=_CURRENCY,
        as_of=date.fromisoformat(head["publicationDate"][:10]),
        source=f"AWS Price List, {head['offerCode']}, version {head.get('version', 'unknown')}",
        regions={region: _by_kind((sold[sku], price) for sku, price in prices.items())},
    )


_HINT: Final = f"give the JSON offer file of {' or '.join(OFFERS)} for a region (docs/cost.md says where they are)"


def _check(path: Path, head: Mapping[str, str], region: str, regions: Iterable[str]) -> None:
    if head.get("offerCode") not in OFFERS:
        found = f"the offer {head['offerCode']}" if "offerCode" in head else "no offer"
        raise OfferInvalid(f"{path} holds {found}, not {' or '.join(OFFERS)}", hint=_HINT)
    try:
        date.fromisoformat(head.get("publicationDate", "")[:10])
    except ValueError:
        raise OfferInvalid(f"{path} does not say when it was published", hint=_HINT) from None
    if region not in regions:
        there = ", ".join(sorted(regions)) or "none"
        raise OfferInvalid(f"{path} has no products of the region {region}", hint=f"regions in it: {there}")


def _product(sku: str, product: Any, region: str, sold: dict[str, Sold], regions: set[str]) -> None:
    attributes = product.get("attributes", {})
    found = sold_as(product.get("productFamily", ""), attributes)
    if attributes.get("regionCode"):
        regions.add(attributes["regionCode"])
    if found is not None and attributes.get("regionCode") == region:
        sold[sku] = found


def sold_as(family: str, attributes: Mapping[str, str]) -> Sold | None:
    """What a product is in a price book; None for one that has no place there."""
    if attributes.get("locationType", "AWS Region") != "AWS Region":
        return None  # a local zone or an outpost, which has prices of its own
    match family:
        case "Compute Instance" if _has(attributes, _ORDINARY):
            return Sold(Kind.INSTANCE, attributes.get("instanceType", ""), "Hrs")
        case "Storage" if attributes.get("volumeApiName"):
            return Sold(Kind.VOLUME, attributes["volumeApiName"], "GB-Mo")
        case "System Operation" if attributes.get("volumeApiName") in ("gp3", "io1"):  # io2 has tiers
            return Sold(Kind.VOLUME_IOPS, attributes["volumeApiName"], "IOPS-Mo")
        case "Provisioned Throughput" if attributes.get("volumeApiName") == "gp3":
            return Sold(Kind.VOLUME_THROUGHPUT, "gp3", "GiBps-mo", Decimal(1024))
        case "NAT Gateway" if attributes.get("operation") == "NatGateway":
            return Sold(Kind.HOURLY, "aws_nat_gateway", "Hrs")
        case "Database Instance":
            return _database(attributes)
        case "Database Storage" if _has(attributes, _ONE_ZONE):
            volume = _STORAGE.get(attributes.get("volumeType", ""))
            return Sold(Kind.DATABASE_STORAGE, volume, "GB-Mo") if volume else None
    return None


def _database(attributes: Mapping[str, str]) -> Sold | None:
    engine = _ENGINES.get(attributes.get("databaseEngine", ""))
    optimised = "IOOptimized" in attributes.get("usagetype", "")  # Aurora's other price for the same class
    if engine is None or optimised or not _has(attributes, _ONE_ZONE):
        return None
    return Sold(Kind.DATABASE, f"{engine}/{attributes.get('instanceType', '')}", "Hrs")


_ORDINARY: Final = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "licenseModel": "No License required",
}
_ONE_ZONE: Final = {"deploymentOption": "Single-AZ"}
_ENGINES: Final = {
    "MySQL": "mysql",
    "MariaDB": "mariadb",
    "PostgreSQL": "postgres",
    "Aurora MySQL": "aurora-mysql",
    "Aurora PostgreSQL": "aurora-postgresql",
}
_STORAGE: Final = {
    "General Purpose": "gp2",
    "General Purpose-GP3": "gp3",
    "Provisioned IOPS": "io1",
    "Magnetic": "standard",
}


def _has(attributes: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(attributes.get(name) == value for name, value in wanted.items())


def _price(sku: str, terms: Any, sold: Mapping[str, Sold], prices: dict[str, Decimal]) -> None:
    """The price of a product that was found before; AWS writes products before terms. Steps beyond the first are left out."""
    product = sold.get(sku)
    if product is None:
        return
    for term in terms.values():
        for dimension in term.get("priceDimensions", {}).values():
            if dimension.get("unit", "").lower() != product.unit.lower() or dimension.get("beginRange", "0") != "0":
                continue
            try:
                price = Decimal(dimension.get("pricePerUnit", {}).get(_CURRENCY, ""))
            except InvalidOperation:
                continue
            if price > 0:  # zero is what somebody pays who reserved it
                prices[sku] = price / product.divisor


def _by_kind(found: Iterable[tuple[Sold, Decimal]]) -> dict[Kind, dict[str, Decimal]]:
    kinds: dict[Kind, dict[str, Decimal]] = {}
    for sold, price in sorted(found):
        kinds.setdefault(sold.kind, {}).setdefault(sold.name, price)
    return kinds
