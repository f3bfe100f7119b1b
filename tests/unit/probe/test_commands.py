"""A command's look and a check's summary: what failed, on which host, and why."""

from typing import Any

import pytest

from adapters.clock import SystemClock
from adapters.probe import NetworkProber
from adapters.probe.command import NAMED, look_command
from adapters.probe.look import Budget, Look
from adapters.probe.remote import Ran, Remote
from adapters.probe.spec import CommandSpec, read_spec
from lifecycle.inventory import Connection, Host
from lifecycle.ports import Run
from lifecycle.scrub import Scrubber
from lifecycle.verification import Check, CheckResult, Thresholds

HOST = Host("web-1", "web", "i-1", Connection("10.0.0.1"))


def look(ran: Ran, *secrets: str, **spec: Any) -> Look:
    read = read_spec(Check("home", "command", spec, "hosts", (HOST,)))
    assert isinstance(read, CommandSpec)
    return look_command(read, lambda *_: ran, Budget(10), Scrubber().masking(secrets))


@pytest.mark.parametrize(
    ("ran", "said"),
    [
        (Ran(1, "", "warming up\ncurl: (7) no route\n\n"), "curl: (7) no route"),
        (Ran(1, "one\ntwo\n", ""), "two"),
        (Ran(1, "", ""), "it said nothing"),
    ],
)
def test_a_command_that_ended_otherwise_is_named_with_its_last_words(ran: Ran, said: str) -> None:
    assert look(ran, command="curl -f http://x").detail == f"'curl -f http://x' ended with 1, wanted 0: {said}"


def test_a_command_that_prints_something_else_is_named_with_what_it_printed() -> None:
    seen = look(Ran(0, "down\n", ""), command="status app", expect={"stdout": {"contains": "up"}})
    assert not seen.passed
    assert seen.detail.startswith("'status app' ended with 0, but ")
    assert seen.detail.endswith("; stdout ends 'down'")


def test_a_long_command_is_shortened_to_one_line() -> None:
    name = look(Ran(1, "", ""), command="curl \\\n  -f " + "x" * 500).detail.split("' ended")[0]
    assert name.startswith("'curl \\ -f xxx")
    assert name.endswith("…")
    assert len(name) <= NAMED + 1


@pytest.mark.parametrize("secret", ["hunter22hunter22", "it's a $ecret"])
@pytest.mark.parametrize("filler", range(30, 62, 4))
def test_a_secret_in_a_command_is_masked_before_the_command_is_cut(secret: str, filler: int) -> None:
    seen = look(Ran(1, "", f"wrong: {secret}"), secret, command=["login", "x" * filler, secret])
    assert not any(part in seen.detail for part in ("hunter", "ecret", "it's", "it'\"")), seen.detail
    assert seen.detail.endswith(": wrong: ***")


class OnHost(Remote):
    """A host on which every command ends the same way."""

    def __init__(self, ran: Ran) -> None:
        self.ran = ran

    def run(self, host: Host, script: str, budget: Budget, *, become: bool = False) -> Ran:
        return self.ran


def result(ran: Ran, times: int, *hosts: Host) -> CheckResult:
    prober = NetworkProber(places={}, remote=OnHost(ran), clock=SystemClock(), masking=Scrubber().masking)
    thresholds = Thresholds(failure_threshold=times, period=Thresholds().period * 0)
    return prober.probe(Check("home", "command", {"command": "curl x"}, "hosts", hosts, thresholds), Run())


def test_a_failed_checks_summary_begins_with_the_host() -> None:
    refused = Ran(1, "", "no route")
    assert result(refused, 1, HOST).summary == "web-1: 'curl x' ended with 1, wanted 0: no route"
    assert result(refused, 2, HOST).summary.startswith("web-1: failed 2 times in a row: 'curl x' ended with 1")
    other = Host("web-2", "web", "i-2", Connection("10.0.0.2"))
    assert result(refused, 1, HOST, other).summary.startswith(
        "failed from 2 of 2 (web-1, web-2), e.g. from web-1: 'curl"
    )


def test_a_passed_checks_summary_says_what_was_seen() -> None:
    assert result(Ran(0, "", ""), 1, HOST).summary == "exit 0"
