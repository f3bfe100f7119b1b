"""The readiness ladder against a real sshd on loopback."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.ssh.directory import SshDirectory
from adapters.ssh.keys import fingerprint
from adapters.ssh.ladder import Ladder
from adapters.ssh.rungs import Rung
from lifecycle.inventory import Connection, NotReady, Trust, UntrustedHost
from lifecycle.ports import Cancellation, Cancelled, Run
from tests.support.sshd import Sshd, free_port, make_key

ENOUGH = timedelta(seconds=20)


class Said:
    """Remembers what a run says."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def __call__(self, type: str, message: str, **data: Any) -> None:
        self.events.append((type, message, data))

    def of(self, type: str) -> list[str]:
        return [message for kind, message, _ in self.events if kind == type]


@pytest.fixture
def ladder(session: SshDirectory) -> Ladder:
    return Ladder(session)


def log(sshd: Sshd) -> str:
    return (sshd.folder / "log").read_text()


def test_a_host_climbs_every_rung_in_order_and_is_pinned(sshd: Sshd, ladder: Ladder) -> None:
    said = Said()
    ready = ladder.await_ready(sshd.host(), Run(said, deadline=ENOUGH))
    assert ready.trusted_by is Trust.OUTPUT
    assert ready.host.host_key == sshd.host_keys[0]
    assert list(ready.rungs) == [rung.value for rung in Rung]
    assert [data["rung"] for kind, _, data in said.events if kind == "host.rung"] == list(ready.rungs)
    assert ready.host.facts["python"]


def test_a_host_with_another_key_is_refused_and_nobody_logs_in(sshd: Sshd, ladder: Ladder, tmp_path: Path) -> None:
    wrong = make_key(tmp_path / "other")
    with pytest.raises(UntrustedHost) as caught:
        ladder.await_ready(sshd.host(offered_key=wrong), Run(deadline=ENOUGH))
    assert fingerprint(sshd.host_keys[0]) in caught.value.message
    assert fingerprint(wrong) in caught.value.message
    assert "named by the stack's `hosts` output" in caught.value.message
    assert "Accepted publickey" not in log(sshd)


def test_a_pinned_host_that_presents_another_key_is_refused(sshd: Sshd, ladder: Ladder) -> None:
    host = ladder.await_ready(sshd.host(), Run(deadline=ENOUGH)).host
    sshd.stop()
    sshd.make_host_keys()
    sshd.start()
    with pytest.raises(UntrustedHost, match="pinned by an earlier run") as caught:
        ladder.await_ready(replace(host, offered_key=""), Run(deadline=ENOUGH))
    assert "replace the instance" in caught.value.hint


def test_a_new_key_for_a_known_id_is_refused_before_anything_is_sent(
    sshd: Sshd, ladder: Ladder, tmp_path: Path
) -> None:
    host = sshd.host(host_key=make_key(tmp_path / "earlier"))
    with pytest.raises(UntrustedHost, match="is pinned for the same id"):
        ladder.await_ready(host, Run(deadline=ENOUGH))


def test_a_replaced_host_at_the_same_address_gets_a_pin_of_its_own(sshd: Sshd, ladder: Ladder) -> None:
    first = ladder.await_ready(sshd.host(id="i-1"), Run(deadline=ENOUGH)).host
    sshd.stop()
    sshd.make_host_keys()
    sshd.start()
    second = ladder.await_ready(sshd.host(id="i-2"), Run(deadline=ENOUGH)).host
    assert first.host_key != second.host_key
    assert first.identity != second.identity


def test_an_earlier_pin_is_enough_without_asking_any_source(sshd: Sshd, session: SshDirectory) -> None:
    def console(_: str) -> None:
        raise AssertionError("nobody needs to ask")

    host = sshd.host(host_key=sshd.host_keys[0], offered_key="", trust=(Trust.CONSOLE,))
    assert Ladder(session, console).await_ready(host, Run(deadline=ENOUGH)).trusted_by is Trust.PINNED


def test_the_console_is_asked_again_until_it_has_keys(sshd: Sshd, session: SshDirectory) -> None:
    answers: Iterator[list[str] | None] = iter([None, None, [sshd.host_keys[0]]])
    asked = []

    def console(instance: str) -> list[str] | None:
        asked.append(instance)
        return next(answers)

    host = sshd.host(offered_key="", trust=(Trust.OUTPUT, Trust.CONSOLE))
    ready = Ladder(session, console).await_ready(host, Run(deadline=ENOUGH))
    assert ready.trusted_by is Trust.CONSOLE
    assert asked == ["i-web-1"] * 3


def test_of_several_trusted_keys_the_one_that_the_server_has_is_pinned(sshd: Sshd, session: SshDirectory) -> None:
    sshd.stop()
    sshd.kinds = ("ecdsa",)
    sshd.start()
    keys = list(sshd.host_keys)  # ed25519, which it does not offer now, and ecdsa
    host = sshd.host(offered_key="", trust=(Trust.CONSOLE,))
    ready = Ladder(session, lambda _: keys).await_ready(host, Run(deadline=ENOUGH))
    assert ready.host.host_key == keys[1]


def test_a_certificate_of_the_authority_is_trusted_and_the_plain_key_pinned(
    sshd: Sshd, ladder: Ladder, tmp_path: Path
) -> None:
    authority = make_key(tmp_path / "ca")
    certify(sshd, tmp_path / "ca")
    host = sshd.host(offered_key="", trust=(Trust.CA,), ca=authority)
    ready = ladder.await_ready(host, Run(deadline=ENOUGH))
    assert ready.trusted_by is Trust.CA
    assert ready.host.host_key == sshd.host_keys[0]


def test_a_certificate_of_another_authority_is_not(sshd: Sshd, ladder: Ladder, tmp_path: Path) -> None:
    make_key(tmp_path / "ca")
    certify(sshd, tmp_path / "ca")
    host = sshd.host(offered_key="", trust=(Trust.CA,), ca=make_key(tmp_path / "other"))
    with pytest.raises(NotReady, match="no source of trust"):
        ladder.await_ready(host, Run(deadline=timedelta(seconds=2)))
    assert "Accepted publickey" not in log(sshd)


def certify(sshd: Sshd, authority: Path) -> None:
    """Give the server a host certificate for its address, and start it with it."""
    key = sshd.folder / "host_ed25519.pub"
    argv = ["ssh-keygen", "-q", "-s", str(authority), "-I", "host", "-h", "-n", "127.0.0.1", str(key)]
    subprocess.run(argv, check=True, timeout=10, capture_output=True)
    sshd.stop()
    sshd.extra = f"HostCertificate {sshd.folder}/host_ed25519-cert.pub"
    sshd.start()


def test_trust_on_first_use_is_recorded_as_a_finding(sshd: Sshd, ladder: Ladder) -> None:
    said = Said()
    ready = ladder.await_ready(sshd.host(offered_key="", trust=(Trust.FIRST_USE,)), Run(said, deadline=ENOUGH))
    assert ready.trusted_by is Trust.FIRST_USE
    (finding,) = said.of("finding")
    assert fingerprint(ready.host.host_key) in finding


def test_without_opting_in_an_unknown_key_is_never_taken(sshd: Sshd, ladder: Ladder) -> None:
    with pytest.raises(NotReady, match="no source of trust has given a host key yet") as caught:
        ladder.await_ready(sshd.host(offered_key=""), Run(deadline=timedelta(seconds=1)))
    assert caught.value.facts["rung"] == Rung.BANNER
    assert "Accepted publickey" not in log(sshd)


def test_first_use_waits_for_a_better_source(sshd: Sshd, session: SshDirectory) -> None:
    host = sshd.host(offered_key="", trust=(Trust.CONSOLE, Trust.FIRST_USE))
    asked = []

    def console(instance: str) -> list[str] | None:
        asked.append(instance)
        return [sshd.host_keys[0]] if len(asked) > 3 else None

    ready = Ladder(session, console).await_ready(host, Run(deadline=timedelta(minutes=1)))
    assert ready.trusted_by is Trust.CONSOLE


def test_where_nobody_listens_the_missing_rung_and_the_last_error_are_told(ladder: Ladder, sshd: Sshd) -> None:
    nowhere = sshd.host(connection=sshd.connection(port=free_port()))
    with pytest.raises(NotReady) as caught:
        ladder.await_ready(nowhere, Run(deadline=timedelta(seconds=0.5)))
    assert "web-1 (i-web-1) at 127.0.0.1" in caught.value.message
    assert "not 'ssh banner'; last seen: no connection: Connection refused" in caught.value.message
    assert "security group" in caught.value.hint


def test_a_port_that_opens_and_says_nothing_is_not_readiness(ladder: Ladder, sshd: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        host = sshd.host(connection=sshd.connection(port=mute.getsockname()[1]))
        with pytest.raises(NotReady, match="the port is open, but nothing was said"):
            ladder.await_ready(host, Run(deadline=timedelta(seconds=0.5)))


def test_a_host_that_comes_late_is_waited_for(ladder: Ladder, sshd: Sshd) -> None:
    sshd.stop()
    said = Said()
    waited = threading.Event()

    def say(type: str, message: str, **data: Any) -> None:
        said(type, message, **data)
        if type == "host.waits":
            waited.set()

    def start_late() -> None:
        assert waited.wait(10)
        sshd.start()

    late = threading.Thread(target=start_late)
    late.start()
    try:
        ready = ladder.await_ready(sshd.host(), Run(say, deadline=ENOUGH))
    finally:
        late.join()
    assert "Connection refused" in said.of("host.waits")[0]
    assert ready.trusted_by is Trust.OUTPUT


def test_a_login_that_is_refused_is_told_as_such(ladder: Ladder, sshd: Sshd, tmp_path: Path) -> None:
    make_key(tmp_path / "stranger")
    host = sshd.host(connection=sshd.connection(key=str(tmp_path / "stranger")))
    with pytest.raises(
        NotReady, match=r"it reached 'trusted host key' and not 'login'; last seen: .*Permission denied"
    ) as caught:
        ladder.await_ready(host, Run(deadline=timedelta(seconds=2)))
    assert "connection.key" in caught.value.hint


def test_a_cancelled_run_stops_waiting_at_once(ladder: Ladder, sshd: Sshd) -> None:
    cancel = Cancellation()

    def say(type: str, message: str, **data: Any) -> None:
        cancel.request("enough")

    nowhere = sshd.host(connection=sshd.connection(port=free_port()))
    with pytest.raises(Cancelled, match="enough"):
        ladder.await_ready(nowhere, Run(say, cancel, timedelta(minutes=10)))


def test_the_teardowns_question_is_answered_without_logging_in(ladder: Ladder, sshd: Sshd) -> None:
    host = sshd.host(host_key=sshd.host_keys[0])
    assert ladder.answers_as(host)
    assert not ladder.answers_as(replace(host, host_key=""))
    sshd.stop()
    assert not ladder.answers_as(host)
    sshd.make_host_keys()
    sshd.start()
    assert not ladder.answers_as(host), "somebody else answers at its address now"
    assert "Accepted publickey" not in log(sshd)


PIPE = """
import os, select, socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while True:
    for ready in select.select([peer, 0], [], [])[0]:
        data = peer.recv(65536) if ready is peer else os.read(0, 65536)
        if not data:
            sys.exit()
        os.write(1, data) if ready is peer else peer.sendall(data)
"""
PASS = """
import socket, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
socket.send_fds(socket.socket(fileno=1), [b"x"], [peer.fileno()])
"""


@pytest.mark.parametrize(("program", "passes"), [(PIPE, False), (PASS, True)], ids=["piped", "passed descriptor"])
def test_a_host_behind_a_proxy_is_reached_through_it(
    ladder: Ladder, sshd: Sshd, tmp_path: Path, program: str, passes: bool
) -> None:
    script = tmp_path / "proxy.py"
    script.write_text(program)
    way = Connection(
        "10.255.255.1",  # nobody's: only the proxy knows the way
        port=sshd.port,
        user=sshd.connection().user,
        key=str(sshd.client_key),
        proxy_command=f"python3 {script} %p",
        proxy_passes_fd=passes,
    )
    host = ladder.await_ready(sshd.host(connection=way), Run(deadline=ENOUGH)).host
    assert ladder.answers_as(host)


def test_what_a_broken_proxy_says_is_told(ladder: Ladder, sshd: Sshd) -> None:
    way = sshd.connection(proxy_command="echo instance is stopped >&2; exit 1")
    with pytest.raises(NotReady, match="the proxy says: instance is stopped"):
        ladder.await_ready(sshd.host(connection=way), Run(deadline=timedelta(seconds=0.5)))


def test_a_host_of_the_run_can_be_the_jump_to_another(ladder: Ladder, sshd: Sshd) -> None:
    bastion = sshd.host("bastion")
    way = sshd.connection(jump=f"{sshd.connection().user}@127.0.0.1:{sshd.port}")
    # by another name: nobody jumps over himself
    inner = sshd.host("inner", connection=replace(way, address="localhost"))
    with pytest.raises(NotReady, match="nothing"):  # nobody vouches for the jump yet
        ladder.await_ready(inner, Run(deadline=timedelta(seconds=1)))
    ladder.await_ready(bastion, Run(deadline=ENOUGH))
    assert ladder.await_ready(inner, Run(deadline=ENOUGH)).host.host_key == sshd.host_keys[0]
