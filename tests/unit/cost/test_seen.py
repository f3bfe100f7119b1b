from decimal import Decimal

import pytest

from lifecycle.cost.seen import NotKnown, Seen


def test_what_is_unknown_secret_or_not_set_is_said_so_and_is_no_value() -> None:
    seen = Seen({"a": None, "b": "***", "c": ""}, ("a", "d[0].size"))
    for name, words in (("a", "a is known only after apply"), ("b", "b is secret"), ("c", "c is not set")):
        with pytest.raises(NotKnown, match=words):
            seen.text(name)
    assert not seen.knows("a")
    assert not seen.knows("nothing")


def test_a_blocks_unknown_values_are_told_by_their_whole_path() -> None:
    seen = Seen({"disk": [{"size": 1}, {"kind": "x"}]}, ("disk[1].size",))
    first, second = seen.blocks("disk")
    assert first.number("size") == 1
    with pytest.raises(NotKnown, match=r"disk\[1\]\.size is known only after apply"):
        second.number("size")


def test_blocks_that_nobody_can_count_are_not_none() -> None:
    with pytest.raises(NotKnown):
        Seen({}, ("disk",)).blocks("disk")
    assert Seen({}).blocks("disk") == ()
    assert Seen({"disk": {"size": 1}}).block("disk") is not None


@pytest.mark.parametrize(("value", "number"), [(20, Decimal(20)), ("20", Decimal(20)), (0.5, Decimal("0.5"))])
def test_a_number_may_be_written_as_text(value: object, number: Decimal) -> None:
    assert Seen({"n": value}).number("n") == number


@pytest.mark.parametrize("value", [True, "many", "nan", "inf"])
def test_what_is_no_number_is_not_taken_for_one(value: object) -> None:
    with pytest.raises(NotKnown, match="n is no number"):
        Seen({"n": value}).number("n")


@pytest.mark.parametrize(
    ("values", "region"),
    [
        ({"availability_zone": "eu-central-1b"}, "eu-central-1"),
        ({"availability_zone": "us-gov-west-1a"}, "us-gov-west-1"),
        ({"availability_zone": "us-west-2-lax-1a"}, "us-west-2"),
        ({"arn": "arn:aws:ec2:eu-west-1:1:instance/i-1"}, "eu-west-1"),
        ({"arn": "arn:aws:s3:::bucket"}, ""),
        ({"region": "ap-south-1", "availability_zone": "eu-central-1b"}, "ap-south-1"),
        ({"availability_zone": "somewhere"}, ""),
        ({}, ""),
    ],
)
def test_a_resource_tells_its_region(values: dict[str, str], region: str) -> None:
    assert Seen(values).region == region
