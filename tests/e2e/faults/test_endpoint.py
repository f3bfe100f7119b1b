"""Real Terraform in front of an API that throttles, hangs and comes back."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from adapters.terraform.failures import EndpointUnreachable, Throttled
from lifecycle.errors import Trouble
from tests.support.faulty import Faulty, faulty

VPC = 'resource "aws_vpc" "one" {\n  cidr_block = "10.0.0.0/16"\n}\n'


@pytest.fixture
def proxy(cloud: Mapping[str, str]) -> Iterator[Faulty]:
    with faulty(cloud["AWS_ENDPOINT_URL"]) as proxy:
        yield proxy


@pytest.fixture
def desk(make_desk: Any, cloud: Mapping[str, str], proxy: Faulty) -> Any:
    desk = make_desk({**cloud, "AWS_ENDPOINT_URL": proxy.url})
    desk.write(VPC)
    return desk


@pytest.fixture
def impatient(make_desk: Any, cloud: Mapping[str, str], proxy: Faulty) -> Any:
    """The same desk, that does not wait for a silent endpoint for long."""
    return make_desk({**cloud, "AWS_ENDPOINT_URL": proxy.url}, endpoint_patience=timedelta(seconds=9))


@pytest.mark.long
def test_an_api_that_throttles_or_stops_to_answer_in_the_middle_is_told_as_what_may_pass(
    desk: Any, impatient: Any, proxy: Faulty
) -> None:
    plan = desk.plan()
    proxy.fails(429, "Action=CreateVpc&")
    with pytest.raises(Throttled) as throttled:
        desk.apply(plan)
    assert (throttled.value.trouble, len(proxy.met)) == (
        Trouble.THROTTLED,
        1,
    )  # the provider does not insist on this one

    proxy.works()
    plan = desk.plan()
    proxy.fault = lambda request: "hang" if proxy.met or "Action=CreateVpc&" in request else None  # and then for good
    proxy.met.clear()
    with pytest.raises(EndpointUnreachable, match=r"has not answered for 9 s\): no answer within 3 s") as silent:
        impatient.apply(plan)
    assert silent.value.trouble is Trouble.UNREACHABLE
    with pytest.raises(EndpointUnreachable, match=r"nothing answers at .*: no answer within 10 s"):
        desk.plan()

    proxy.works()
    desk.apply()
    assert desk.resources() == ["aws_vpc.one"]
    assert not desk.plan().applyable
