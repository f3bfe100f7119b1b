"""What every Prober promises: one suite on the real one (servers and an sshd on loopback) and on the fake."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any, Protocol

import pytest

from adapters.clock import SystemClock
from adapters.fake.prober import FakeProber, Seen
from adapters.probe import NetworkProber
from adapters.probe.dialer import Direct
from adapters.probe.remote import Remote
from adapters.ssh.directory import open_session
from lifecycle.errors import BatonError
from lifecycle.inventory import Connection, Host
from lifecycle.ports import Cancellation, Cancelled, Prober, Run
from lifecycle.scrub import Scrubber
from lifecycle.sensitive import Sensitive
from lifecycle.verification import Check, Thresholds
from tests.support.servers import Answer, closed_port, http_server
from tests.support.sshd import Sshd

QUICK = Thresholds(period=timedelta(milliseconds=20), timeout=timedelta(seconds=10), deadline=timedelta(seconds=60))
SECRET = "s3cret/\"Pässword'"


class Rig(Protocol):
    """A prober, and checks whose looks see what a test wants them to see."""

    @property
    def prober(self) -> Prober: ...

    def sequence(self, *looks: bool, secret: str = "") -> Check:
        """A check that sees this, look after look; the last repeats. The secret is in its spec and in what it sees."""
        ...

    def on_hosts(self, **hosts: bool) -> Check:
        """A check that runs on hosts of these names and sees this there."""
        ...


class FakeRig:
    def __init__(self) -> None:
        self.prober = FakeProber()

    def sequence(self, *looks: bool, secret: str = "") -> Check:
        self.prober.sees("seq", *(Seen(look, f"saw {secret}" if secret else "") for look in looks))
        return Check("seq", "http", {"headers": {"Authorization": Sensitive(secret)}}, thresholds=QUICK)

    def on_hosts(self, **hosts: bool) -> Check:
        for name, good in hosts.items():
            self.prober.sees("hosts", good, origin=name)
        found = tuple(Host(name, "web", f"i-{name}", Connection("10.0.0.1")) for name in hosts)
        return Check("hosts", "command", {"command": "true"}, "hosts", found, QUICK)


class RealRig:
    def __init__(self, tmp_path: Any, stack: ExitStack) -> None:
        self._tmp_path, self._stack = tmp_path, stack
        remote = Remote(stack.enter_context(open_session()))
        self.prober = NetworkProber(
            places={"controller": Direct()}, remote=remote, clock=SystemClock(), masking=Scrubber().masking
        )

    def sequence(self, *looks: bool, secret: str = "") -> Check:
        left = list(looks)

        def answer(path: str) -> Answer:
            look = left.pop(0) if len(left) > 1 else left[0]
            return Answer(200 if look else 503, body=secret.encode())

        server = self._stack.enter_context(http_server(answer))
        headers = {"Authorization": Sensitive(secret.encode().hex())} if secret else {}
        spec = {"url": server.url("/health"), "headers": headers, "body": {"contains": Sensitive(secret)}}
        return Check("seq", "http", spec, thresholds=QUICK)

    def on_hosts(self, **hosts: bool) -> Check:
        sshd = Sshd(self._tmp_path / "sshd")
        sshd.start()
        self._stack.callback(sshd.stop)
        found = tuple(self._host(sshd, name, good) for name, good in hosts.items())
        return Check("hosts", "command", {"command": "test -d /"}, "hosts", found, QUICK)

    @staticmethod
    def _host(sshd: Sshd, name: str, good: bool) -> Host:
        host = sshd.host(name, host_key=sshd.host_keys[0])
        return host if good else replace(host, connection=sshd.connection(port=closed_port()))


@pytest.fixture(params=["fake", "real"])
def rig(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield FakeRig() if request.param == "fake" else RealRig(tmp_path, stack)


def changed(check: Check, **thresholds: Any) -> Check:
    return replace(check, thresholds=replace(check.thresholds, **thresholds))


class Listener:
    """Collects what a run says."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def __call__(self, type: str, message: str, **data: Any) -> None:
        self.events.append((type, message, data))


def test_a_check_that_sees_what_it_wants_passes_at_once(rig: Rig) -> None:
    result = rig.prober.probe(rig.sequence(True), Run())
    assert (result.check, result.passed, result.attempts) == ("seq", True, 1)
    assert result.summary


def test_the_evidence_is_the_last_attempt_with_its_origin_and_utc_time(rig: Rig) -> None:
    result = rig.prober.probe(rig.sequence(False, True), Run())
    [attempt] = result.evidence
    assert attempt.passed
    assert attempt.origin == "controller"
    assert attempt.at.tzinfo is UTC
    assert attempt.detail
    assert attempt.seconds > 0


def test_failures_in_a_row_end_it(rig: Rig) -> None:
    result = rig.prober.probe(changed(rig.sequence(False), failure_threshold=3), Run())
    assert (result.passed, result.attempts) == (False, 3)
    assert "3 times in a row" in result.summary
    assert not result.evidence[-1].passed


def test_a_check_that_comes_good_before_the_threshold_passes(rig: Rig) -> None:
    result = rig.prober.probe(changed(rig.sequence(False, False, True), failure_threshold=3), Run())
    assert (result.passed, result.attempts) == (True, 3)


def test_successes_must_be_in_a_row_and_a_success_forgives_the_failures_before_it(rig: Rig) -> None:
    check = rig.sequence(False, True, False, True, True)
    result = rig.prober.probe(changed(check, success_threshold=2, failure_threshold=2), Run())
    assert (result.passed, result.attempts) == (True, 5)


def test_the_deadline_ends_it_whatever_the_thresholds_say(rig: Rig) -> None:
    check = changed(rig.sequence(False), failure_threshold=10**6, deadline=timedelta(milliseconds=300))
    result = rig.prober.probe(check, Run())
    assert not result.passed
    assert "not within 0.3 s" in result.summary
    assert result.attempts >= 1


def test_the_deadline_of_the_run_counts_too(rig: Rig) -> None:
    check = changed(rig.sequence(False), failure_threshold=10**6)
    result = rig.prober.probe(check, Run(deadline=timedelta(milliseconds=200)))
    assert "not within 0.2 s" in result.summary


def test_a_deadline_before_the_first_look_is_no_success(rig: Rig) -> None:
    check = changed(rig.sequence(True), initial_delay=timedelta(seconds=9), deadline=timedelta(seconds=9))
    result = rig.prober.probe(check, Run())
    assert (result.passed, result.attempts, result.evidence) == (False, 0, ())
    assert "not looked at" in result.summary


def test_every_attempt_is_said(rig: Rig) -> None:
    listener = Listener()
    rig.prober.probe(rig.sequence(False, True), Run(say=listener))
    assert [kind for kind, _, _ in listener.events] == ["check.attempt"] * 2
    assert [data["passed"] for _, _, data in listener.events] == [False, True]
    assert all(data["check"] == "seq" and data["origin"] == "controller" for _, _, data in listener.events)


def test_a_run_that_is_cancelled_already_looks_at_nothing(rig: Rig) -> None:
    cancel, listener = Cancellation(), Listener()
    cancel.request()
    check = rig.sequence(True)
    with pytest.raises(Cancelled):
        rig.prober.probe(check, Run(say=listener, cancel=cancel))
    assert listener.events == []


def test_a_cancellation_ends_the_wait_for_the_next_look(rig: Rig) -> None:
    cancel = Cancellation()

    def say(type: str, message: str, **data: Any) -> None:
        threading.Thread(target=cancel.request).start()

    check = changed(rig.sequence(False), period=timedelta(seconds=50), failure_threshold=2)
    if isinstance(rig.prober, FakeProber):  # its waits take no time, so nobody can come in between
        say = lambda *_, **__: cancel.request()  # noqa: E731
    with pytest.raises(Cancelled):
        rig.prober.probe(check, Run(say=say, cancel=cancel))


def test_it_looks_from_every_host_and_passes_when_all_do(rig: Rig) -> None:
    result = rig.prober.probe(rig.on_hosts(a=True, b=True), Run())
    assert result.passed
    assert sorted(attempt.origin for attempt in result.evidence) == ["a", "b"]
    assert result.attempts == 2


def test_one_host_that_fails_fails_the_check_and_is_named(rig: Rig) -> None:
    result = rig.prober.probe(rig.on_hosts(good=True, bad=False), Run())
    assert not result.passed
    assert "1 of 2 (bad)" in result.summary
    assert {attempt.origin: attempt.passed for attempt in result.evidence} == {"good": True, "bad": False}


def test_two_hosts_of_one_name_are_both_looked_at(rig: Rig) -> None:
    check = rig.on_hosts(a=True)
    twin = replace(check.hosts[0], stack="other", id="i-twin")
    result = rig.prober.probe(replace(check, hosts=(*check.hosts, twin)), Run())
    assert result.attempts == 2
    assert {attempt.origin for attempt in result.evidence} == {"web/a (i-a)", "other/a (i-twin)"}


def test_a_secret_of_the_check_is_in_nothing_that_it_says(rig: Rig) -> None:
    listener = Listener()
    result = rig.prober.probe(changed(rig.sequence(False, secret=SECRET), failure_threshold=1), Run(say=listener))
    assert not result.passed
    told = f"{result} {listener.events}"
    assert SECRET not in told
    assert "Pässword" not in told
    assert "***" in told


def no_hosts(check: Check) -> Check:
    return replace(check, vantage="hosts", hosts=())


def an_unknown_kind(check: Check) -> Check:
    return replace(check, kind="telepathy")


@pytest.mark.parametrize("spoil", [no_hosts, an_unknown_kind])
def test_a_check_that_cannot_be_looked_at_is_refused_by_name(rig: Rig, spoil: Any) -> None:
    check = spoil(rig.sequence(True))
    with pytest.raises(BatonError, match="check 'seq'"):
        rig.prober.probe(check, Run())


def test_many_checks_at_once_do_not_mix(rig: Rig) -> None:
    checks = [replace(rig.sequence(True), name=f"check-{n}") for n in range(8)]
    results: Sequence[Any] = [None] * 8

    def probe(n: int) -> None:
        results[n] = rig.prober.probe(checks[n], Run())  # type: ignore[index]

    threads = [threading.Thread(target=probe, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [(r.check, r.passed) for r in results] == [(f"check-{n}", True) for n in range(8)]
