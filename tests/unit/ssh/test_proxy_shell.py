"""A proxy command is started by a shell that reads nothing of the user's."""

from pathlib import Path

import pytest

from adapters.ansible.command import _FORCED
from adapters.ssh.banner import read_banner
from adapters.ssh.call import PROXY_SHELL, call
from lifecycle.inventory import Connection


@pytest.fixture
def _slow_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whose ~/.bashrc takes a minute, in a process that no shell started (a worker, a timer)."""
    (tmp_path / ".bashrc").write_text("sleep 60\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.delenv("SHLVL", raising=False)


def test_ssh_and_ansible_are_told_to_use_it() -> None:
    assert call(["sh", "-c", "echo $SHELL"]).stdout.strip() == PROXY_SHELL
    assert _FORCED["SHELL"] == PROXY_SHELL


@pytest.mark.usefixtures("_slow_login")
def test_a_bashrc_that_takes_a_minute_keeps_no_connection_waiting() -> None:
    assert read_banner(Connection("192.0.2.7", proxy_command="echo SSH-2.0-here"), 10) == "SSH-2.0-here"
