"""Two machines that share nothing but the network: the same environments, one writer at a time, and each goes on for the other."""

import json
from typing import Any

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def test_what_one_machine_brought_up_is_nothing_to_do_for_the_other(place: Any) -> None:
    first = place.run("up", "alpha", "dev")
    assert place.servers.ended(first)[0] == "COMPLETED", place.servers.log(first)
    second = place.run("up", "beta", "dev")
    assert place.servers.ended(second)[0] == "COMPLETED", place.servers.log(second)
    assert {kind for kind, _, run in place.records("dev") if run == 1} >= {"apply", "configure"}
    assert not {kind for kind, _, run in place.records("dev") if run == 2} & {"apply", "configure"}
    assert place.status("beta", "dev")["phase"] == "ready"
    hosts = [json.loads(line) for line in place.baton("beta", "hosts", "minimal/dev", "--json").stdout.splitlines()]
    assert len(hosts) == 1
    assert "admin" in place.baton("beta", "ssh", "minimal/dev", "--", "whoami").stdout
