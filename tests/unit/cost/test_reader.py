import re
from pathlib import Path

import pytest

from adapters.prices.reader import PricesInvalid, PricesMissing, read, read_file
from lifecycle.cost.book import Kind
from lifecycle.errors import ExitCode

HEAD = "prices: 1\ncurrency: USD\nas_of: 2025-01-01\nsource: test\n"


def problems(text: str) -> list[str]:
    with pytest.raises(PricesInvalid) as found:
        read(text, "prices.yaml")
    assert found.value.exit_code is ExitCode.USAGE
    return found.value.message.splitlines()[1:]


def test_engines_become_part_of_the_name() -> None:
    book = read(HEAD + "regions: {r: {database: {mysql: {db.t3.micro: 0.017}}, volume: {gp3: 0.08}}}", "f")
    assert {k: dict(v) for k, v in book.regions["r"].items()} == {
        Kind.DATABASE: {"mysql/db.t3.micro": book.regions["r"][Kind.DATABASE]["mysql/db.t3.micro"]},
        Kind.VOLUME: {"gp3": book.regions["r"][Kind.VOLUME]["gp3"]},
    }
    assert str(book.price(Kind.DATABASE, "mysql/db.t3.micro", "r")) == "0.017", "every digit is kept, none is added"


def test_every_problem_is_told_at_once_with_its_place() -> None:
    text = HEAD.replace("2025-01-01", "May") + (
        "free: aws_vpc\n"
        "usage: {aws_s3_bucket: 5}\n"
        "regions:\n"
        "  eu-west-1:\n"
        "    instance: {t3.micro: cheap, t3.small: -1, t3.large: true}\n"
        "    instnace: {}\n"
        "    volume: [gp3]\n"
        "    database: {mysql: 0.1}\n"
        "discount: 5\n"
    )
    assert problems(text) == [
        "prices.yaml:3:8: as_of: found the text 'May', expected the day of the prices, such as 2026-01-31",
        "prices.yaml:5:7: free: found the text 'aws_vpc', expected a list",
        "prices.yaml:6:24: usage.aws_s3_bucket: found the number 5, expected a text",
        "prices.yaml:9:26: regions.eu-west-1.instance.t3.micro: found the text 'cheap', expected a price: a number from 0",
        "prices.yaml:9:43: regions.eu-west-1.instance.t3.small: found the number -1, expected a price: a number from 0",
        "prices.yaml:9:57: regions.eu-west-1.instance.t3.large: found the boolean true, expected a price: a number from 0",
        "prices.yaml:10:5: regions.eu-west-1.instnace: unknown key 'instnace'; did you mean 'instance'?",
        "prices.yaml:11:13: regions.eu-west-1.volume: found a list, expected a mapping",
        "prices.yaml:12:23: regions.eu-west-1.database.mysql: found the number 0.1, expected a mapping",
        "prices.yaml:13:1: discount: unknown key 'discount', expected one of prices, currency, as_of, source, free, "
        "usage, everywhere, regions",
    ]


def test_a_file_without_its_head_is_told_what_is_missing() -> None:
    assert problems("prices: 2\n") == [
        "prices.yaml:1:1: the key 'currency' is missing",
        "prices.yaml:1:1: the key 'as_of' is missing",
        "prices.yaml:1:1: the key 'source' is missing",
        "prices.yaml:1:9: prices: found the number 2, expected 1, the version of the format",
    ]


@pytest.mark.parametrize("text", ["[1, 2]", "prices: [", "", "a: 1\na: 2\n"])
def test_what_is_no_price_file_at_all_is_told_with_its_place(text: str) -> None:
    assert all(re.match(r"prices\.yaml:\d+:\d+: ", line) for line in problems(text))


def test_a_file_that_is_not_there_is_said_with_who_names_it(tmp_path: Path) -> None:
    with pytest.raises(PricesMissing, match="cannot be read") as found:
        read_file(tmp_path / "prices.yaml")
    assert "BATON_PRICES" in found.value.hint
