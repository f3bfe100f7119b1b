"""What a run opens is closed with it, also when it is killed."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from adapters import rundir
from adapters.rundir import RunDirectory
from adapters.ssh.call import call
from adapters.ssh.directory import SshDirectory, open_session
from adapters.ssh.ladder import Ladder
from lifecycle.errors import BatonError
from lifecycle.ports import Run
from lifecycle.ssh_options import host_argv
from tests.support.sshd import Sshd

ENOUGH = timedelta(seconds=20)


def within(seconds: float, happens: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happens():
            return True
        time.sleep(0.02)
    return False


def logins(sshd: Sshd) -> int:
    return (sshd.folder / "log").read_text().count("Accepted publickey")


def test_calls_to_a_host_share_one_connection_that_is_closed_with_the_run(sshd: Sshd) -> None:
    with open_session() as session:
        host = Ladder(session).await_ready(sshd.host(), Run(deadline=ENOUGH)).host
        answer = call([*host_argv(host, session), "echo hello"])
        assert answer.stdout == "hello\n"
        assert logins(sshd) == 1
        socket = Path(session.control_path(host))
        assert socket.is_socket()
        master = call(["ssh", "-O", "check", "-o", f"ControlPath={socket}", "x"]).stderr
        pid = int("".join(c for c in master if c.isdigit()))
    assert not session.path.exists()
    assert within(5, lambda: not Path(f"/proc/{pid}").exists())


def test_everything_in_a_session_is_private(sshd: Sshd) -> None:
    with open_session() as session:
        host = Ladder(session).await_ready(sshd.host(), Run(deadline=ENOUGH)).host
        assert stat.S_IMODE(session.path.stat().st_mode) == 0o700
        assert stat.S_IMODE(Path(session.known_hosts(host)).stat().st_mode) == 0o600
        assert len(session.control_path(host)) < 80, (
            "a socket's path must stay under 104 bytes, and ssh adds 17 for a while"
        )


def test_a_host_without_a_pinned_key_cannot_be_reached(sshd: Sshd, session: SshDirectory) -> None:
    with pytest.raises(BatonError, match="has no trusted host key yet"):
        host_argv(sshd.host(), session)


KILLED = """
import sys, time
from pathlib import Path
from datetime import timedelta
from adapters.ssh.directory import open_session
from adapters.ssh.ladder import Ladder
from lifecycle.inventory import Connection, Host
from lifecycle.ports import Run
port, user, key, host_key = sys.argv[1:]
host = Host("web-1", "web", "i-1", Connection("127.0.0.1", int(port), user, key), offered_key=host_key)
with open_session() as session:
    host = Ladder(session).await_ready(host, Run(deadline=timedelta(seconds=20))).host
    print(session.path, session.control_path(host), flush=True)
    time.sleep(60)
"""


def test_a_killed_run_leaves_neither_files_nor_connections(sshd: Sshd) -> None:
    connection = sshd.connection()
    argv = [sys.executable, "-c", KILLED, str(sshd.port), connection.user, connection.key, sshd.host_keys[0]]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as run:
        assert run.stdout
        path, socket = run.stdout.readline().split()
        master = call(["ssh", "-O", "check", "-o", f"ControlPath={socket}", "x"]).stderr
        pid = int("".join(c for c in master if c.isdigit()))
        run.send_signal(signal.SIGKILL)
    assert within(10, lambda: not Path(path).exists())
    assert within(10, lambda: not Path(f"/proc/{pid}").exists())


def test_a_directory_stays_as_long_as_a_tool_works_in_it(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    tool = os.open(directory.lock_file, os.O_RDWR | os.O_CREAT)
    fcntl.flock(tool, fcntl.LOCK_EX)
    stdin = directory._janitor.stdin
    assert stdin
    stdin.close()  # as if the owner were gone
    assert not within(0.3, lambda: not directory.path.exists())
    os.close(tool)
    assert within(5, lambda: not directory.path.exists())
    directory.close()


def test_what_a_killed_janitor_left_is_swept_by_the_next_run(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory._janitor.kill()
    directory._janitor.wait()
    (directory.path / "secret").write_text("x")
    with RunDirectory(tmp_path) as other:
        assert not directory.path.exists()
        assert other.path.exists()
        assert rundir.sweep(tmp_path) == [], "one that is in use is left alone"
    directory.close()


def test_a_directory_in_the_making_is_left_alone(tmp_path: Path) -> None:
    young, old = tmp_path / f"{rundir.PREFIX}young", tmp_path / f"{rundir.PREFIX}old"
    young.mkdir()
    old.mkdir()
    os.utime(old, (1, 1))
    assert rundir.sweep(tmp_path) == [old]


def test_a_link_with_our_name_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / f"{rundir.PREFIX}link").symlink_to(precious)
    assert rundir.sweep(tmp_path) == []
    assert precious.exists()
