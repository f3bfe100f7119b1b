"""A port of this machine that leads into the cloud, as a visitor outside would come."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

WEB = "#!/bin/sh\necho hello > /var/www/html/index.html\nservice nginx start\n"


@contextmanager
def forwarded(cloud: Any, target: str) -> Iterator[str]:
    """The address on this machine that leads to a target."""
    process = cloud.start("forward", target)
    try:
        said = process.stdout.readline()
        found = re.fullmatch(rf"(127\.0\.0\.1:\d+) leads to {re.escape(target)}; end it with Ctrl-C\n", said)
        assert found, said
        yield found[1]
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def test_what_is_open_from_outside_answers_here_and_what_is_closed_does_not(
    cloud: Any, vpc: Any, tcp_rule: Any
) -> None:
    host = vpc.host(vpc.group("web", tcp_rule(80, "0.0.0.0/0")), user_data=WEB)
    cloud.await_user_data(host)
    public = cloud.instance(host)["PublicIpAddress"]
    with forwarded(cloud, f"{public}:80") as here:
        for _ in range(3):
            with urllib.request.urlopen(f"http://{here}/", timeout=10) as answer:
                assert answer.read() == b"hello\n"
    with forwarded(cloud, f"{public}:22") as here, pytest.raises((urllib.error.URLError, ConnectionError)):
        urllib.request.urlopen(f"http://{here}/", timeout=20)


@pytest.mark.parametrize("target", ["198.18.0.1", ":443", "198.18.0.1:0", "198.18.0.1:https"])
def test_a_target_that_is_none_is_said(cloud: Any, target: str) -> None:
    done = cloud.run("forward", target, check=False)
    assert (done.returncode, "is no address with a port" in done.stderr) == (1, True)
