"""Whether anybody answers at an endpoint, and what is said where nobody does."""

import time
from datetime import timedelta

import pytest

from adapters.terraform.endpoint import Watch, silence
from lifecycle.ports import Cancellation, PartCancellation
from tests.support.faulty import faulty
from tests.support.sshd import free_port


@pytest.mark.parametrize("status", [200, 403, 429, 500])
def test_any_answer_is_an_answer(status: int) -> None:
    with faulty("http://127.0.0.1:1") as proxy:
        proxy.fails(status)
        assert silence(proxy.url) == ""


def test_one_that_accepts_and_says_nothing_does_not_answer() -> None:
    with faulty("http://127.0.0.1:1") as proxy:
        proxy.fails("hang")
        assert silence(proxy.url, 0.2) == "no answer within 0.2 s"


def test_a_name_that_does_not_resolve_is_said_with_the_name() -> None:
    assert silence("http://baton-test.invalid:5000", 5).startswith("'baton-test.invalid' does not resolve (")


def test_a_port_that_nobody_has_and_an_address_that_is_none() -> None:
    assert "Connection refused" in silence(f"http://127.0.0.1:{free_port()}")
    assert silence("http://127.0.0.1:none")


def test_a_watch_stops_the_command_once_nobody_has_answered_for_long_enough() -> None:
    whole = Cancellation()
    part = PartCancellation(whole)
    with faulty("http://127.0.0.1:1") as proxy:
        proxy.fails(200)
        with Watch(proxy.url, timedelta(seconds=0.3), part) as watch:
            time.sleep(0.6)
            assert not part.requested
            proxy.fails("hang")
            assert part.wait(10)
    assert (watch.silent, whole.requested) == ("no answer within 0.1 s", False)
    assert part.reason == f"{proxy.url} has not answered for 0.3 s"
