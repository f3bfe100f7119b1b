"""What is said about a host that does not become ready, and when waiting for it ends early.

The server that greets is a listener on loopback; what ssh answers comes from a program of that name, put before the real one.
"""

import os
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.ssh import ladder as ladder_module
from adapters.ssh.banner import NoBanner, read_banner
from adapters.ssh.directory import SshDirectory
from adapters.ssh.hints import missing
from adapters.ssh.ladder import Ladder
from adapters.ssh.rungs import Rung
from lifecycle.inventory import Connection, Host, NotReady
from lifecycle.ports import Run

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqR7mWwV0kq2v8sT1cWqk0o5vC1mXoJ0f9o3d8c9b7a"


@pytest.fixture
def greeter() -> Iterator[int]:
    """Port of a listener that says an SSH banner to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(b"SSH-2.0-Test\r\n")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def answering(folder: Path, monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Make `ssh` say these on stderr, one per call, the last for ever, and fail as ssh does."""
    (folder / "bin").mkdir()
    for number, answer in enumerate(answers):
        (folder / f"answer{number}").write_text(answer + "\n")
    last = len(answers) - 1
    script = f"""#!/bin/sh
n=$(cat {folder}/calls 2>/dev/null || echo 0)
echo $((n + 1)) >{folder}/calls
[ "$n" -gt {last} ] && n={last}
cat {folder}/answer$n >&2
exit 255
"""
    (folder / "bin/ssh").write_text(script)
    (folder / "bin/ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")


def refused(folder: Path, port: int) -> NotReady:
    """What the ladder says about a host that it would wait an hour for."""
    way = Connection("127.0.0.1", port=port, user="admin", key="/keys/shop")
    host = Host("web-1", "web", "i-1", way, offered_key=KEY)
    (folder / "run").mkdir()
    with pytest.raises(NotReady) as caught:
        Ladder(SshDirectory(folder / "run")).await_ready(host, Run(deadline=timedelta(hours=1)))
    return caught.value


DENIED = "admin@127.0.0.1: Permission denied (publickey)."


def test_a_login_that_stays_refused_is_final_long_before_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, greeter: int
) -> None:
    monkeypatch.setattr(ladder_module, "REFUSED_SECONDS", 0.1)
    answering(tmp_path, monkeypatch, DENIED)
    error = refused(tmp_path, greeter)
    assert "refuses the login of 'admin', for 0.1 s without a break" in error.message
    assert f"last seen: {DENIED}" in error.message
    assert "'admin'" in error.hint
    assert "'/keys/shop'" in error.hint
    assert int((tmp_path / "calls").read_text()) > 1, "one refusal alone is not final"


def test_a_refusal_counts_from_the_last_time_that_something_else_was_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, greeter: int
) -> None:
    monkeypatch.setattr(ladder_module, "REFUSED_SECONDS", 0.001)
    other = "ssh: connect to host 127.0.0.1 port 22: Connection refused"
    answering(tmp_path, monkeypatch, DENIED, other, DENIED, f"jump: Permission denied (publickey).\n{other}", DENIED)
    refused(tmp_path, greeter)
    assert int((tmp_path / "calls").read_text()) == 6, "only the fifth and the sixth refuse one after the other"


def test_a_minute_of_refusal_is_enough() -> None:
    assert ladder_module.REFUSED_SECONDS == 60
    assert "60 s" in (ladder_module.__doc__ or "")


def test_what_the_proxy_said_last_is_told_where_no_banner_came_through_it() -> None:
    way = Connection("10.255.255.1", proxy_command=r"printf 'opening\nno route to i-1\n' >&2")
    with pytest.raises(
        NoBanner, match=r"nothing came through the proxy command: .*the proxy says: no route to i-1"
    ) as no:
        read_banner(way, 10)
    assert no.value.facts["proxy"] == "no route to i-1"


def test_a_host_behind_a_silent_proxy_makes_one_look_at_its_security_group(tmp_path: Path) -> None:
    host = Host("web-1", "web", "i-1", Connection("10.255.255.1", proxy_command="echo timed out >&2; exit 1"))
    with pytest.raises(NotReady) as caught:
        Ladder(SshDirectory(tmp_path)).await_ready(host, Run(deadline=timedelta(seconds=0.5)))
    assert "timed out" in caught.value.message
    assert "security group: does it allow 22 from inside the network?" in caught.value.hint


def test_every_rung_has_a_hint() -> None:
    for proxied in (False, True):
        assert all(missing(rung, Connection("10.0.0.1"), proxied=proxied) for rung in Rung)
