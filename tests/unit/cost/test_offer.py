"""Offer files in the shape of AWS's own: what is taken of them, and what is not."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.prices import stream
from adapters.prices.offer import OfferInvalid, read_offer
from adapters.prices.reader import read
from adapters.prices.writer import written
from lifecycle.cost.book import Kind

OFFERS = Path(__file__).parent / "offers"


def test_of_instances_only_ordinary_linux_on_demand_is_taken() -> None:
    book = read_offer(OFFERS / "ec2.json", "eu-west-1")
    assert book.regions == {
        "eu-west-1": {
            Kind.INSTANCE: {"m5.large": Decimal("0.107"), "t3.micro": Decimal("0.0114")},
            Kind.VOLUME: {"gp3": Decimal("0.088")},
            Kind.VOLUME_IOPS: {"gp3": Decimal("0.0055")},
            Kind.VOLUME_THROUGHPUT: {"gp3": Decimal("0.044")},
            Kind.HOURLY: {"aws_nat_gateway": Decimal("0.048")},
        }
    }
    assert (book.currency, book.as_of) == ("USD", date(2025, 3, 4))
    assert book.source == "AWS Price List, AmazonEC2, version 20250304000000"


def test_of_databases_only_one_zone_without_a_licence_is_taken() -> None:
    assert read_offer(OFFERS / "rds.json", "eu-west-1").regions == {
        "eu-west-1": {
            Kind.DATABASE: {
                "aurora-postgresql/db.r6g.large": Decimal("0.288"),
                "mysql/db.t3.micro": Decimal("0.018"),
                "postgres/db.t3.micro": Decimal("0.02"),
            },
            Kind.DATABASE_STORAGE: {"gp2": Decimal("0.127"), "gp3": Decimal("0.127"), "io1": Decimal("0.138")},
        }
    }


@pytest.mark.parametrize("name", ["ec2.json", "rds.json"])
def test_what_is_written_is_read_as_it_was(name: str) -> None:
    book = read_offer(OFFERS / name, "eu-west-1")
    assert read(written(book), "written.yaml") == book


def test_another_region_is_taken_alone_and_one_that_is_not_there_is_said() -> None:
    assert read_offer(OFFERS / "ec2.json", "us-east-1").regions == {
        "us-east-1": {Kind.INSTANCE: {"c5.large": Decimal("0.085")}}
    }
    with pytest.raises(OfferInvalid, match="no products of the region eu-north-1") as found:
        read_offer(OFFERS / "ec2.json", "eu-north-1")
    assert found.value.hint == "regions in it: eu-west-1, us-east-1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read: found '' where '{' belongs"),
        ("[]", "cannot be read: found '\\[' where '{' belongs"),
        ('{"offerCode": "AmazonEC2", "products": {"A": ', "cannot be read: Expecting value"),
        ('{"products": {}}', "holds no offer, not AmazonEC2 or AmazonRDS"),
        ('{"offerCode": "AmazonS3"}', "holds the offer AmazonS3, not AmazonEC2 or AmazonRDS"),
        ('{"offerCode": "AmazonEC2"}', "does not say when it was published"),
    ],
)
def test_what_is_no_offer_file_is_said_in_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "offer.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OfferInvalid, match=words):
        read_offer(path, "eu-west-1")


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_a_file_is_the_same_in_pieces_of_any_size(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_offer(OFFERS / "ec2.json", "eu-west-1")
    monkeypatch.setattr(stream, "_CHUNK", size)
    assert read_offer(OFFERS / "ec2.json", "eu-west-1") == whole


def test_members_are_taken_apart_as_deep_as_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": 12, "b": {"x": {"y": [1]}, "z": 3}, "c": {"d": {}}, "e": {}}), encoding="utf-8")
    assert list(stream.members(path, {"b": 2, "c": 1, "e": 1})) == [
        (("a",), 12),
        (("b", "x", "y"), [1]),
        (("b", "z"), 3),
        (("c", "d"), {}),
    ]
