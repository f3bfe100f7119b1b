from pathlib import Path

import pytest

from adapters.prices.catalogue import PACKAGED, price_book
from adapters.prices.reader import PricesInvalid, read_file
from adapters.settings import Settings
from lifecycle.blueprint.model import Cost
from lifecycle.cost.book import Kind, PriceBook
from lifecycle.cost.estimating import PRICED

OWN = "prices: 1\ncurrency: {currency}\nas_of: 2026-02-03\nsource: {source}\nregions: {{eu-west-1: {{instance: {{{prices}}}}}}}\n"


@pytest.fixture(scope="module")
def packaged() -> PriceBook:
    return read_file(PACKAGED)


def own(path: Path, source: str, prices: str, currency: str = "USD") -> Path:
    path.write_text(OWN.format(source=source, prices=prices, currency=currency), encoding="utf-8")
    return path


def test_the_packaged_catalogue_knows_its_regions_and_what_it_cannot_know(packaged: PriceBook) -> None:
    assert set(packaged.regions) == {"us-east-1", "eu-west-1", "eu-central-1"}
    assert (packaged.currency, packaged.as_of.isoformat()) == ("USD", "2025-01-01")
    for name in ("aws_vpc", "aws_subnet", "aws_security_group", "aws_key_pair", "terraform_data", "random_id"):
        assert packaged.is_free(name)
    assert packaged.usage["aws_s3_bucket"]


def test_no_type_is_free_and_priced(packaged: PriceBook) -> None:
    sold = {n for k, n, _ in packaged.in_region("us-east-1") if k in (Kind.HOURLY, Kind.MONTHLY)}
    assert [name for name in (*PRICED, *sold) if packaged.is_free(name)] == []


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "eu-central-1"])
def test_within_a_family_each_size_costs_about_twice_the_one_before(packaged: PriceBook, region: str) -> None:
    """A digit that was mistyped shows: AWS doubles."""
    sizes = ("nano", "micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge")
    for kind in (Kind.INSTANCE, Kind.DATABASE, Kind.CACHE):
        prices = {name: price for of, name, price in packaged.in_region(region) if of is kind}
        for name, price in prices.items():
            family, _, size = name.rpartition(".")
            twice = prices.get(f"{family}.{sizes[sizes.index(size) + 1]}") if size != sizes[-1] else None
            assert twice is None or 1.9 < twice / price < 2.12, (name, region)


@pytest.mark.parametrize("kind", [Kind.INSTANCE, Kind.VOLUME, Kind.LOAD_BALANCER, Kind.DATABASE_STORAGE])
def test_europe_costs_a_little_more(packaged: PriceBook, kind: Kind) -> None:
    ireland, frankfurt = ({(k, n): p for k, n, p in packaged.in_region(r)} for r in ("eu-west-1", "eu-central-1"))
    for of, name, price in packaged.in_region("us-east-1"):
        for there in (ireland, frankfurt):
            assert of is not kind or (of, name) not in there or 1 < there[of, name] / price < 1.25, name


def test_the_settings_prices_go_before_and_the_blueprints_before_those(tmp_path: Path) -> None:
    settings = Settings(prices=str(own(tmp_path / "ours.yaml", "ours", "t3.micro: 1, t3.small: 1")))
    own(tmp_path / "prices.yaml", "the blueprint's", "t3.micro: 2")
    book = price_book(settings, tmp_path, Cost(prices="./prices.yaml"), environ={})
    found = {name: str(book.price(Kind.INSTANCE, name, "eu-west-1")) for name in ("t3.micro", "t3.small", "t3.medium")}
    assert found == {"t3.micro": "2", "t3.small": "1", "t3.medium": "0.0456"}
    assert book.source.endswith("; over it ours; over it the blueprint's")


def test_prices_in_another_currency_are_refused_with_their_file(tmp_path: Path) -> None:
    path = own(tmp_path / "ours.yaml", "ours", "t3.micro: 1", "EUR")
    with pytest.raises(PricesInvalid, match=r"ours\.yaml:1:1: currency: prices in EUR cannot be laid over"):
        price_book(Settings(prices=str(path)), environ={})


@pytest.mark.parametrize(
    ("cost", "cloud", "environ", "region"),
    [
        (Cost(region="a"), "b", {"AWS_REGION": "c"}, "a"),
        (Cost(), "b", {"AWS_REGION": "c"}, "b"),
        (None, "", {"AWS_REGION": "c", "AWS_DEFAULT_REGION": "d"}, "c"),
        (None, "", {"AWS_DEFAULT_REGION": "d"}, "d"),
        (None, "", {}, ""),
    ],
)
def test_the_region_is_the_blueprints_else_the_clouds_else_the_environments(
    cost: Cost | None, cloud: str, environ: dict[str, str], region: str
) -> None:
    assert price_book(Settings(), Path(), cost, cloud_region=cloud, environ=environ).region == region
