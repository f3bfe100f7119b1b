"""Looks from this machine at servers on loopback: HTTP, TCP, TLS, and how a look is ended."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.clock import SystemClock
from adapters.fake.clock import FakeClock
from adapters.probe import NetworkProber
from adapters.probe.dialer import Broker, Dialer, Direct, Link
from adapters.probe.remote import Remote
from adapters.probe.tls import NoTrust
from lifecycle.errors import BatonError
from lifecycle.inventory import Host
from lifecycle.ports import Cancellation, Cancelled, Run
from lifecycle.scrub import Scrubber
from lifecycle.sensitive import Sensitive
from lifecycle.verification import Check, CheckResult, Thresholds
from tests.support.servers import (
    ADDRESS,
    Answer,
    Authority,
    HttpServer,
    closed_port,
    filtered_port,
    http_server,
    listener,
)

ONCE = Thresholds(failure_threshold=1, timeout=timedelta(seconds=10))


class NoSsh:
    """Nothing here goes through a host."""

    jump_known_hosts = ""

    def known_hosts(self, host: Host) -> str:
        raise AssertionError("no ssh in these tests")

    control_path = known_hosts


def probe(
    kind: str, spec: Mapping[str, Any], *, places: Mapping[str, Dialer] | None = None, **more: Any
) -> CheckResult:
    """One look from the controller."""
    clock, run = more.pop("clock", SystemClock()), more.pop("run", Run())
    prober = NetworkProber(
        places=places or {"controller": Direct()}, remote=Remote(NoSsh()), clock=clock, masking=Scrubber().masking
    )
    return prober.probe(Check("home", kind, spec, **{"thresholds": ONCE, **more}), run)


@contextmanager
def answering(status: int = 200, body: bytes = b"ok", **headers: str) -> Iterator[HttpServer]:
    with http_server(lambda path: Answer(status, body, headers)) as server:
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


# --- http


def test_an_answer_that_is_as_wanted_passes_with_status_and_latency() -> None:
    with answering() as server:
        result = probe("http", {"url": server.url()})
    assert result.passed
    assert result.summary.startswith("status 200 in ")
    assert result.facts["controller"]["status"] == 200
    assert result.facts["controller"]["latency_seconds"] > 0


def test_path_query_headers_and_host_are_sent() -> None:
    with answering() as server:
        headers = {"X-Key": Sensitive("k3y"), "Accept": "text/plain"}
        probe("http", {"url": server.url("/a/b?c=d&e=%20"), "headers": headers})
        [(method, path, sent)] = server.requests
    assert (method, path) == ("GET", "/a/b?c=d&e=%20")
    assert sent["Host"] == f"{ADDRESS}:{server.port}"
    assert (sent["X-Key"], sent["Accept"]) == ("k3y", "text/plain")


def test_a_wrong_status_fails_with_the_beginning_of_the_body() -> None:
    with answering(500, b"it broke: " + b"x" * 5000) as server:
        result = probe("http", {"url": server.url(), "status": [200, 204]})
    assert not result.passed
    assert "status 500" in result.summary
    assert "wanted status 200 or 204" in result.summary
    assert "the body begins 'it broke: xxx" in result.summary
    assert len(result.summary) < 400


def test_a_redirect_is_not_followed_and_may_be_what_is_wanted() -> None:
    with answering(302, b"", Location="https://elsewhere.test/") as server:
        assert probe("http", {"url": server.url(), "status": 302}).passed
        result = probe("http", {"url": server.url()})
        assert len(server.requests) == 2
    assert "redirects (to https://elsewhere.test/) are not followed" in result.summary


@pytest.mark.parametrize(
    ("body", "passed"),
    [
        ({"contains": "healthy"}, True),
        ({"contains": "sick"}, False),
        ({"regex": r"version \d+"}, True),
        ({"regex": "^version"}, False),
        ({"contains": "healthy", "regex": "nowhere"}, False),
        ({"json": {"a": 1}}, False),
    ],
)
def test_the_body_must_hold_all_that_is_asked_for(body: dict[str, Any], passed: bool) -> None:
    with answering(body=b"healthy, version 12") as server:
        assert probe("http", {"url": server.url(), "body": body}).passed is passed


def test_a_json_body_is_compared_by_its_values() -> None:
    with answering(body=b'{"status": "ok", "db": {"up": true}}') as server:
        assert probe("http", {"url": server.url(), "body": {"json": {"db": {"up": True}}}}).passed
        result = probe("http", {"url": server.url(), "body": {"json": {"db.up": False}}})
    assert "body.db.up is true, wanted false" in result.summary


def test_only_the_first_megabyte_of_a_body_is_looked_at() -> None:
    with answering(body=b"x" * (1 << 20) + b"needle") as server:
        assert not probe("http", {"url": server.url(), "body": {"contains": "needle"}}).passed
    with answering(body=b"x" * ((1 << 20) - 6) + b"needle" + b"x" * 100) as server:
        assert probe("http", {"url": server.url(), "body": {"contains": "needle"}}).passed


def test_a_slow_answer_fails_where_a_latency_is_asked_for() -> None:
    with answering() as server:
        assert not probe("http", {"url": server.url(), "max_latency": timedelta(microseconds=1)}).passed
        assert probe("http", {"url": server.url(), "max_latency": timedelta(minutes=1)}).passed


def test_head_is_asked_without_expecting_a_body() -> None:
    with answering(body=b"long") as server:
        assert probe("http", {"url": server.url(), "method": "HEAD"}).passed
        assert server.requests[0][0] == "HEAD"


def test_something_that_speaks_no_http_fails_in_words() -> None:
    with listener() as listening:

        def speak() -> None:
            peer, _ = listening.accept()
            peer.recv(1000)
            peer.sendall(b"220 mail.test ESMTP\r\n")
            peer.close()

        threading.Thread(target=speak, daemon=True).start()
        result = probe("http", {"url": f"http://{ADDRESS}:{listening.getsockname()[1]}/"})
    assert "did not answer in HTTP: BadStatusLine '220 mail.test ESMTP" in result.summary


def test_a_server_that_hangs_up_fails_in_words() -> None:
    with listener() as listening:

        def hang_up() -> None:
            peer, _ = listening.accept()
            peer.recv(1000)
            peer.close()

        threading.Thread(target=hang_up, daemon=True).start()
        result = probe("http", {"url": f"http://{ADDRESS}:{listening.getsockname()[1]}/"})
    assert not result.passed
    assert "did not answer in HTTP" in result.summary


def test_a_refused_connection_is_the_detail() -> None:
    port = closed_port()
    result = probe("http", {"url": f"http://{ADDRESS}:{port}/"})
    assert result.summary == f"from controller: {ADDRESS}:{port} refused the connection"
    assert result.facts["controller"] == {"connection": "refused"}


def test_a_secret_that_the_server_sends_back_is_masked_before_the_body_is_cut() -> None:
    secret = "abcdefgh" * 10
    with answering(401, f"{'.' * 170} you said {secret}".encode()) as server:
        result = probe("http", {"url": server.url(), "headers": {"Authorization": Sensitive(secret)}})
    assert "you said ***" in result.summary
    assert "abcd" not in str(result)


# --- https and tls


def https(authority: Authority, *names: str, days: int = 30) -> Any:
    return http_server(lambda path: Answer(), authority.context(*names, days=days))


def test_https_is_verified_against_the_given_authority(authority: Authority) -> None:
    with https(authority, f"IP:{ADDRESS}") as server:
        url = server.url(scheme="https")
        assert probe("http", {"url": url, "ca": str(authority.certificate)}).passed
        assert probe("http", {"url": url, "ca": authority.certificate.read_text()}).passed
        result = probe("http", {"url": url})
    assert "the certificate was not accepted: " in result.summary
    assert server.requests[0][2]["Host"] == f"{ADDRESS}:{server.port}"


def test_https_may_be_asked_for_by_another_name_than_the_address(authority: Authority) -> None:
    with https(authority, "DNS:web.test") as server:
        spec = {"url": server.url(scheme="https"), "ca": str(authority.certificate)}
        assert probe("http", {**spec, "server_name": "web.test"}).passed
        refused = probe("http", {**spec, "server_name": "other.test"})
    assert not refused.passed
    assert "not valid for 'other.test'" in refused.summary


def test_https_must_name_the_host(authority: Authority) -> None:
    with https(authority, "DNS:other.test") as server:
        result = probe("http", {"url": server.url(scheme="https"), "ca": str(authority.certificate)})
    assert "IP address mismatch" in result.summary


def test_a_ca_that_cannot_be_read_is_an_error_and_no_failed_look(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for ca in (tmp_path / "none.pem", tmp_path / "ca.pem"):
        with pytest.raises(NoTrust, match="cannot read trusted certificates"):
            probe("tls", {"host": ADDRESS, "port": closed_port(), "ca": str(ca)})


def test_a_certificate_that_is_good_passes_with_its_facts(authority: Authority) -> None:
    with https(authority, "DNS:web.test", days=30) as server:
        spec = {"host": ADDRESS, "port": server.port, "server_name": "web.test", "ca": str(authority.certificate)}
        result = probe("tls", {**spec, "min_days": 29})
        assert result.passed, result.summary
        facts = result.facts["controller"]
        assert (facts["subject"], facts["issuer"]) == ("commonName=server", "commonName=Test CA")
        assert facts["days_left"] == 29
        assert datetime.fromisoformat(facts["not_after"]).tzinfo is UTC
        assert "30 days are asked for" in probe("tls", {**spec, "min_days": 30}).summary


def test_the_days_that_are_left_are_counted_by_the_clock(authority: Authority) -> None:
    clock = FakeClock(datetime.now(UTC) + timedelta(days=20, hours=1))
    with https(authority, "DNS:web.test", days=30) as server:
        spec = {"host": ADDRESS, "port": server.port, "server_name": "web.test", "ca": str(authority.certificate)}
        assert probe("tls", spec, clock=clock).facts["controller"]["days_left"] == 9


@pytest.mark.parametrize(
    ("names", "days", "said"),
    [
        ("DNS:other.test", 30, "Hostname mismatch"),
        ("DNS:web.test", -1, "certificate has expired"),
    ],
)
def test_a_bad_certificate_fails_with_the_reason(authority: Authority, names: str, days: int, said: str) -> None:
    with https(authority, names, days=days) as server:
        spec = {"host": ADDRESS, "port": server.port, "server_name": "web.test", "ca": str(authority.certificate)}
        result = probe("tls", spec)
    assert not result.passed
    assert said in result.summary


def test_a_port_without_tls_fails_in_words(authority: Authority) -> None:
    with answering() as server:
        result = probe("tls", {"host": ADDRESS, "port": server.port, "ca": str(authority.certificate)})
    assert "no TLS there" in result.summary


# --- tcp


def test_an_open_port_passes_and_is_no_closed_port() -> None:
    with listener() as listening:
        spec = {"host": ADDRESS, "port": listening.getsockname()[1]}
        assert probe("tcp", spec).passed
        result = probe("tcp", {**spec, "expect": "closed"})
    assert not result.passed
    assert "accepts connections" in result.summary


def test_a_refused_port_is_closed_and_says_so() -> None:
    spec = {"host": ADDRESS, "port": closed_port()}
    assert not probe("tcp", spec).passed
    result = probe("tcp", {**spec, "expect": "closed"})
    assert result.passed
    assert result.facts["controller"] == {"connection": "refused"}
    assert result.summary.startswith("closed: ")


def test_a_filtered_port_is_closed_and_says_so() -> None:
    quick = replace(ONCE, timeout=timedelta(milliseconds=200))
    with filtered_port() as port:
        result = probe("tcp", {"host": ADDRESS, "port": port, "expect": "closed"}, thresholds=quick)
        assert result.passed
        assert result.facts["controller"] == {"connection": "filtered"}
        assert not probe("tcp", {"host": ADDRESS, "port": port}, thresholds=quick).passed


def test_a_name_that_does_not_resolve_is_not_closed() -> None:
    result = probe("tcp", {"host": "no-such-name.invalid", "port": 80, "expect": "closed"})
    assert not result.passed
    assert "does not resolve" in result.summary


def test_a_place_that_cannot_be_looked_from_proves_nothing_closed(tmp_path: Path) -> None:
    places = {"outside": Broker(tmp_path / "none")}
    spec = {"host": ADDRESS, "port": closed_port(), "expect": "closed"}
    result = probe("tcp", spec, places=places, vantage="outside")
    assert not result.passed
    assert "broker did not answer" in result.summary


def test_a_place_that_is_not_there_is_refused() -> None:
    with pytest.raises(BatonError, match="cannot look from 'outside' here; known are controller, hosts"):
        probe("tcp", {"host": ADDRESS, "port": 1}, vantage="outside")


# --- how a look ends


@dataclass
class Stuck:
    """A dialer that never comes back by itself, as a resolver may."""

    wait: Callable[[float], object]

    def dial(self, address: str, port: int, timeout: float) -> Link:
        self.wait(60)
        raise AssertionError("waited for a minute")


def test_a_silent_server_ends_at_the_timeout() -> None:
    with listener() as listening:
        quick = replace(ONCE, timeout=timedelta(milliseconds=200))
        url = f"http://{ADDRESS}:{listening.getsockname()[1]}/"
        result = probe("http", {"url": url}, thresholds=quick)
    assert result.summary == "from controller: no complete answer within 200 ms"


def test_a_server_that_drips_its_answer_ends_at_the_timeout_too() -> None:
    stop = threading.Event()
    with listener() as listening:

        def drip() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not stop.wait(0.05):
                    try:
                        peer.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        quick = replace(ONCE, timeout=timedelta(milliseconds=300))
        result = probe("http", {"url": f"http://{ADDRESS}:{listening.getsockname()[1]}/"}, thresholds=quick)
        stop.set()
        thread.join(10)
    assert "no complete answer within 300 ms" in result.summary


def test_a_look_that_cannot_be_ended_is_left_behind() -> None:
    never = threading.Event()
    quick = replace(ONCE, timeout=timedelta(milliseconds=100))
    places = {"controller": Stuck(never.wait)}
    result = probe("tcp", {"host": "x", "port": 1}, thresholds=quick, places=places)
    never.set()
    assert "no complete answer" in result.summary


def test_a_cancellation_ends_a_look_that_hangs_and_closes_its_connection() -> None:
    cancel, closed = Cancellation(), threading.Event()
    with listener() as listening:

        def watch() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.recv(1000)
                cancel.request()
                if peer.recv(1) == b"":
                    closed.set()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        slow = replace(ONCE, timeout=timedelta(seconds=50))
        with pytest.raises(Cancelled):
            probe(
                "http",
                {"url": f"http://{ADDRESS}:{listening.getsockname()[1]}/"},
                thresholds=slow,
                run=Run(cancel=cancel),
            )
        assert closed.wait(20)
        thread.join(10)


def test_a_programming_error_in_a_look_is_not_taken_for_a_failed_look() -> None:
    class Broken:
        def dial(self, address: str, port: int, timeout: float) -> Link:
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        probe("tcp", {"host": "x", "port": 1}, places={"controller": Broken()})


def test_many_looks_take_the_time_of_one() -> None:
    """32 looks that all wait for each other come to an end: they really are at the same time."""
    barrier = threading.Barrier(32, timeout=30)

    def answer(path: str) -> Answer:
        barrier.wait()
        return Answer()

    results: list[bool] = []
    with http_server(answer) as server:
        looks = [
            threading.Thread(target=lambda: results.append(probe("http", {"url": server.url()}).passed))
            for _ in range(32)
        ]
        for look in looks:
            look.start()
        for look in looks:
            look.join(40)
    assert results == [True] * 32
