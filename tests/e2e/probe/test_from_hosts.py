"""Looks from and on a host: a private sshd on loopback stands for it, with its own keys."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.clock import SystemClock
from adapters.probe import NetworkProber
from adapters.probe.dialer import Direct, VantageLost
from adapters.probe.look import Budget
from adapters.probe.remote import Remote
from adapters.probe.through_host import ThroughHost
from adapters.ssh.directory import SshDirectory, open_session
from lifecycle.errors import BatonError
from lifecycle.inventory import Host
from lifecycle.ports import Cancellation, Cancelled, Run
from lifecycle.scrub import Scrubber
from lifecycle.sensitive import Sensitive
from lifecycle.verification import Check, CheckResult, Thresholds
from tests.support.servers import ADDRESS, Answer, Authority, closed_port, filtered_port, http_server, listener
from tests.support.sshd import Sshd, make_key

ONCE = Thresholds(failure_threshold=1, timeout=timedelta(seconds=20))


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    server = Sshd(tmp_path / "sshd")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def host(sshd: Sshd) -> Host:
    return sshd.host(host_key=sshd.host_keys[0])


@pytest.fixture
def session() -> Iterator[SshDirectory]:
    with open_session() as directory:
        yield directory


@pytest.fixture
def prober(session: SshDirectory) -> NetworkProber:
    return NetworkProber(
        places={"controller": Direct()}, remote=Remote(session), clock=SystemClock(), masking=Scrubber().masking
    )


class Apart:
    """The same files, and no shared connection."""

    def __init__(self, session: SshDirectory) -> None:
        self.known_hosts, self.jump_known_hosts = session.known_hosts, session.jump_known_hosts

    def control_path(self, host: Host) -> str:
        return ""


@pytest.fixture(params=["shared", "apart"])
def any_prober(request: pytest.FixtureRequest, session: SshDirectory) -> NetworkProber:
    """With a shared connection, and with one for each look."""
    paths = session if request.param == "shared" else Apart(session)
    return NetworkProber(places={}, remote=Remote(paths), clock=SystemClock(), masking=Scrubber().masking)


def look(prober: NetworkProber, host: Host, kind: str, spec: Mapping[str, Any], **more: Any) -> CheckResult:
    run = more.pop("run", Run())
    check = Check("home", kind, spec, "hosts", (host,), **{"thresholds": ONCE, **more})
    return prober.probe(check, run)


def children(of: int) -> list[str]:
    """Command lines of the ssh processes that this process started and that still run."""
    found = subprocess.run(
        ["ps", "-o", "args=", "--ppid", str(of)], capture_output=True, text=True, check=False, timeout=10
    )
    return [line for line in found.stdout.splitlines() if line.startswith("ssh ")]


def ended_soon(condition: Any) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


# --- looking from a host


def test_an_http_answer_is_seen_from_the_host(any_prober: NetworkProber, host: Host) -> None:
    with http_server(lambda path: Answer(body=b"hello " * 50_000)) as server:
        result = look(any_prober, host, "http", {"url": server.url(), "body": {"regex": "(hello ){50000}"}})
    assert result.passed, result.summary
    assert result.evidence[0].origin == "web-1"


def test_tls_works_through_the_host_like_from_here(any_prober: NetworkProber, host: Host, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with http_server(lambda path: Answer(), authority.context(f"IP:{ADDRESS}")) as server:
        ca = str(authority.certificate)
        assert look(any_prober, host, "http", {"url": server.url(scheme="https"), "ca": ca}).passed
        result = look(any_prober, host, "tls", {"host": ADDRESS, "port": server.port, "ca": ca, "min_days": 29})
    assert result.passed, result.summary


def test_an_open_port_is_open_though_it_never_says_a_word(any_prober: NetworkProber, host: Host) -> None:
    with listener() as listening:
        spec = {"host": ADDRESS, "port": listening.getsockname()[1]}
        assert look(any_prober, host, "tcp", spec).passed
        assert not look(any_prober, host, "tcp", {**spec, "expect": "closed"}).passed


def test_a_refused_port_is_told_from_the_host(any_prober: NetworkProber, host: Host) -> None:
    result = look(any_prober, host, "tcp", {"host": ADDRESS, "port": closed_port(), "expect": "closed"})
    assert result.passed, result.summary
    assert result.facts["web-1"] == {"connection": "refused"}
    assert "refused from web-1 (Connection refused)" in result.summary


def test_a_filtered_port_is_told_from_the_host(any_prober: NetworkProber, host: Host) -> None:
    quick = replace(ONCE, timeout=timedelta(seconds=5))
    with filtered_port() as port:
        result = look(any_prober, host, "tcp", {"host": ADDRESS, "port": port, "expect": "closed"}, thresholds=quick)
    assert result.passed, result.summary
    assert result.facts["web-1"] == {"connection": "filtered"}


def test_a_name_that_the_host_does_not_know_is_not_closed(any_prober: NetworkProber, host: Host) -> None:
    result = look(any_prober, host, "tcp", {"host": "no-such-name.invalid", "port": 80, "expect": "closed"})
    assert not result.passed
    assert result.facts["web-1"] == {"connection": "name unknown"}


def test_a_host_that_cannot_be_logged_in_to_proves_nothing_closed(any_prober: NetworkProber, host: Host) -> None:
    gone = replace(host, connection=replace(host.connection, port=closed_port()))
    result = look(any_prober, gone, "tcp", {"host": ADDRESS, "port": closed_port(), "expect": "closed"})
    assert not result.passed
    assert result.facts["web-1"] == {"connection": "no vantage"}
    assert "Connection refused" in result.summary


def test_a_host_that_fell_silent_proves_nothing_filtered(prober: NetworkProber, host: Host, sshd: Sshd) -> None:
    """Through a connection to a host that stands still every port is silent."""
    assert look(prober, host, "command", {"command": "true"}).passed
    assert sshd.process is not None
    frozen = [sshd.process.pid, *descendants(sshd.process.pid)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        quick = replace(ONCE, timeout=timedelta(seconds=2))
        with listener() as listening:
            spec = {"host": ADDRESS, "port": listening.getsockname()[1], "expect": "closed"}
            result = look(prober, host, "tcp", spec, thresholds=quick)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    assert not result.passed, result.summary


def descendants(pid: int) -> list[int]:
    with suppress(OSError):
        found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [pid for child in found for pid in (child, *descendants(child))]
    return []


def test_a_host_with_another_key_than_its_own_is_not_looked_from(
    any_prober: NetworkProber, host: Host, tmp_path: Path
) -> None:
    other = host.pinned(make_key(tmp_path / "other"))
    with http_server(lambda path: Answer()) as server:
        result = look(any_prober, other, "http", {"url": server.url()})
        assert server.requests == []
    assert not result.passed
    assert "Host key verification failed" in result.summary


def test_a_host_without_a_trusted_key_is_refused(prober: NetworkProber, host: Host) -> None:
    with pytest.raises(BatonError, match="has no trusted host key"):
        look(prober, host.pinned(""), "command", {"command": "true"})


def test_a_host_that_forbids_forwarding_is_told_as_such(tmp_path: Path, any_prober: NetworkProber) -> None:
    sshd = Sshd(tmp_path / "strict", extra="AllowTcpForwarding no")
    sshd.start()
    try:
        strict = sshd.host("strict", host_key=sshd.host_keys[0])
        spec = {"host": ADDRESS, "port": closed_port(), "expect": "closed"}
        result = look(any_prober, strict, "tcp", spec)
    finally:
        sshd.stop()
    assert not result.passed
    assert "does not allow forwarded connections" in result.summary


def test_many_looks_from_one_host_share_its_connection(prober: NetworkProber, host: Host, sshd: Sshd) -> None:
    results: list[bool] = []
    with http_server(lambda path: Answer()) as server:
        looks = [
            threading.Thread(
                target=lambda: results.append(look(prober, host, "http", {"url": server.url()}).passed), daemon=True
            )
            for _ in range(20)
        ]
        for thread in looks:
            thread.start()
        for thread in looks:
            thread.join(60)
    assert results == [True] * 20
    assert (sshd.folder / "log").read_text().count("Accepted publickey") == 1


def test_nothing_is_left_of_a_look_but_the_shared_connection(prober: NetworkProber, host: Host) -> None:
    with http_server(lambda path: Answer()) as server:
        look(prober, host, "http", {"url": server.url()})
    look(prober, host, "tcp", {"host": ADDRESS, "port": closed_port()})
    assert children(os.getpid()) == []


# --- looking on a host


def test_a_command_passes_with_the_wanted_exit_and_output(prober: NetworkProber, host: Host) -> None:
    spec = {"command": "echo from $(id -un); exit 3", "expect": {"exit": 3, "stdout": {"regex": "^from [a-z]+$"}}}
    assert look(prober, host, "command", spec).passed


def test_a_command_that_fails_shows_the_end_of_what_it_said(prober: NetworkProber, host: Host) -> None:
    spec = {"command": "seq 1000; echo went wrong >&2; exit 7"}
    result = look(prober, host, "command", spec)
    assert result.summary == f"{host.name}: 'seq 1000; echo went wrong >&2; exit 7' ended with 7, wanted 0: went wrong"


def test_a_command_that_prints_something_else_shows_the_end_of_it(prober: NetworkProber, host: Host) -> None:
    spec = {"command": "seq 1000", "expect": {"stdout": {"contains": "x"}}}
    result = look(prober, host, "command", spec)
    assert result.summary.startswith(f"{host.name}: 'seq 1000' ended with 0, but ")
    assert "999\\n1000'" in result.summary
    assert "\\n500" not in result.summary


def test_a_command_of_words_is_not_read_by_a_shell(prober: NetworkProber, host: Host) -> None:
    spec = {"command": ["printf", "%s|", "a b", "$HOME", "it's"], "expect": {"stdout": {"contains": "a b|$HOME|it's|"}}}
    assert look(prober, host, "command", spec).passed


@pytest.mark.parametrize("code", [1, 124, 255])
def test_exit_codes_that_ssh_and_timeout_use_too_are_the_commands_own(
    prober: NetworkProber, host: Host, code: int
) -> None:
    assert look(prober, host, "command", {"command": f"exit {code}", "expect": {"exit": code}}).passed


def test_a_command_finds_nothing_on_its_stdin(prober: NetworkProber, host: Host) -> None:
    assert look(prober, host, "command", {"command": 'test -z "$(cat)"'}).passed


WHO_HAS_IT = """
seen=$(for process in /proc/[0-9]*; do
    cat $process/cmdline 2>/dev/null | tr '\\0' ' ' | grep -q -- "$1" && cat $process/comm
done | sort -u | tr '\\n' ' ')
echo "$1 seen by $seen" >&2
exit 1
"""


def test_a_secret_in_a_command_is_in_no_argument_list_on_the_way_and_in_no_evidence(
    prober: NetworkProber, host: Host
) -> None:
    """Host and controller are one machine here, so the command sees every process between the two."""
    secret = "s3cr3t-word"
    result = look(prober, host, "command", {"command": ["sh", "-c", WHO_HAS_IT, "sh", Sensitive(secret)]})
    assert secret not in str(result)
    [seen] = re.findall(r"wanted 0: \*\*\* seen by (.*)", result.summary)
    assert set(seen.split()) <= {"sh", "grep"}, "only the command's own processes"
    assert "sh" in seen


def test_a_command_that_hangs_fails_in_time_and_is_ended_on_the_host(
    prober: NetworkProber, host: Host, tmp_path: Path
) -> None:
    mark = tmp_path / "pid"
    quick = replace(ONCE, timeout=timedelta(seconds=2))
    result = look(prober, host, "command", {"command": f"echo $$ > {mark}; sleep 300"}, thresholds=quick)
    assert result.summary == "web-1: no complete answer within 2.0 s"
    pid = int(mark.read_text())
    assert ended_soon(lambda: not Path(f"/proc/{pid}").exists())


def test_a_command_that_prints_without_end_does_not_fill_the_memory(prober: NetworkProber, host: Host) -> None:
    quick = replace(ONCE, timeout=timedelta(seconds=3))
    result = look(prober, host, "command", {"command": "yes"}, thresholds=quick)
    assert not result.passed
    assert look(prober, host, "command", {"command": "head -c 3000000 /dev/zero"}).passed


def test_a_cancellation_ends_a_command_that_hangs(prober: NetworkProber, host: Host, tmp_path: Path) -> None:
    cancel, fifo = Cancellation(), tmp_path / "started"
    os.mkfifo(fifo)

    def watch() -> None:
        fifo.read_text()
        cancel.request()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    slow = replace(ONCE, timeout=timedelta(seconds=100))
    spec = {"command": f"echo started > {fifo}; sleep 300"}
    with pytest.raises(Cancelled):
        look(prober, host, "command", spec, thresholds=slow, run=Run(cancel=cancel))
    thread.join(10)
    assert ended_soon(lambda: children(os.getpid()) == [])


def test_a_host_that_is_gone_is_told_with_what_ssh_said(prober: NetworkProber, host: Host) -> None:
    gone = replace(host, connection=replace(host.connection, port=closed_port()))
    result = look(prober, gone, "command", {"command": "true"})
    assert result.summary.startswith("web-1: nothing can be run on web-1: ")
    assert "Connection refused" in result.summary


def test_a_host_that_comes_up_late_is_waited_for(prober: NetworkProber, host: Host, sshd: Sshd) -> None:
    sshd.stop()
    patient = Thresholds(period=timedelta(milliseconds=200), timeout=timedelta(seconds=10), failure_threshold=1000)
    attempts: list[bool] = []

    def say(type: str, message: str, **data: Any) -> None:
        attempts.append(data["passed"])
        if attempts == [False]:
            sshd.start()

    result = look(prober, host, "command", {"command": "true"}, thresholds=patient, run=Run(say=say))
    assert result.passed
    assert attempts[0] is False


@pytest.mark.skipif(
    Path("/run/systemd/system").exists(), reason="systemd manages this machine; init scripts are not asked"
)
@pytest.mark.skipif(os.geteuid() != 0, reason="an init script can be put in place by root alone")
def test_a_service_runs_or_does_not_as_its_init_script_says(prober: NetworkProber, host: Host) -> None:
    with init_script("baton-test-up", 0) as up, init_script("baton-test-down", 3) as down:
        good = look(prober, host, "service", {"name": up})
        assert good.passed, good.summary
        assert good.summary == f"{up} runs (service)"
        bad = look(prober, host, "service", {"name": down})
        assert not bad.passed
        assert f"{down} does not run (service, exit 3: {down} says 3)" in bad.summary
    assert not look(prober, host, "service", {"name": "baton-test-none"}).passed


@contextmanager
def init_script(name: str, code: int) -> Iterator[str]:
    path = Path("/etc/init.d") / name
    path.write_text(f"#!/bin/sh\necho {name} says {code}\nexit {code}\n")
    path.chmod(0o755)
    try:
        yield name
    finally:
        path.unlink()


@contextmanager
def host_with(folder: Path, **programs: str) -> Iterator[Host]:
    """A host on whose PATH these shell scripts come first."""
    (folder / "bin").mkdir()
    for name, script in programs.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / "bin" / name).chmod(0o755)
    sshd = Sshd(folder / "sshd", extra=f"SetEnv PATH={folder}/bin:/usr/bin:/bin")
    sshd.start()
    try:
        yield sshd.host(host_key=sshd.host_keys[0])
    finally:
        sshd.stop()


SUPERVISORCTL = """
[ "$1" = status ] || exit 2
case $2 in
    shop) echo "shop RUNNING pid 12, uptime 0:00:10";;
    down) echo "down FATAL Exited too quickly"; exit 3;;
    *) echo "$2: ERROR (no such process)"; exit 4;;
esac
"""


@pytest.mark.skipif(
    Path("/run/systemd/system").exists(), reason="systemd manages this machine; supervisor is not asked"
)
def test_a_program_under_supervisor_is_a_service(prober: NetworkProber, tmp_path: Path) -> None:
    with host_with(tmp_path, supervisorctl=SUPERVISORCTL) as host:
        good = look(prober, host, "service", {"name": "shop"})
        bad = look(prober, host, "service", {"name": "down"})
        none = look(prober, host, "service", {"name": "none"})
    assert good.summary == "shop runs (supervisorctl)"
    assert bad.summary == f"{host.name}: down does not run (supervisorctl, exit 3: down FATAL Exited too quickly)"
    assert none.summary == f"{host.name}: none does not run (supervisorctl, exit 4: none: ERROR (no such process))"
    assert [result.passed for result in (good, bad, none)] == [True, False, False]


def test_what_needs_root_is_run_by_sudo_that_never_asks(session: SshDirectory, tmp_path: Path) -> None:
    sudo = '[ "$1" = -n ] || exit 9\nshift\nAS_ROOT=yes exec "$@"'
    with host_with(tmp_path, sudo=sudo) as host:
        remote = Remote(session)
        assert remote.run(host, "echo $AS_ROOT", Budget(20), become=True).stdout == "yes\n"
        assert remote.run(host, "echo $AS_ROOT", Budget(20)).stdout == "\n"


def test_a_sudo_that_asks_is_told_as_what_keeps_the_look_from_the_host(session: SshDirectory, tmp_path: Path) -> None:
    with (
        host_with(tmp_path, sudo="echo 'sudo: a password is required' >&2; exit 1") as host,
        pytest.raises(VantageLost, match="nothing can be run on web-1: sudo: a password is required"),
    ):
        Remote(session).run(host, "true", Budget(20), become=True)


def test_connections_through_a_host_end_with_the_socket(
    prober: NetworkProber, host: Host, session: SshDirectory
) -> None:
    with listener() as listening:
        link = ThroughHost(Remote(session), host).dial(ADDRESS, listening.getsockname()[1], 20)
        peer, _ = listening.accept()
        with closing(peer):
            link.socket.sendall(b"ping")
            assert peer.recv(4) == b"ping"
            link.close()
            peer.settimeout(10)
            assert peer.recv(1) == b""
    assert isinstance(link.socket, socket.socket)
    assert children(os.getpid()) == []
