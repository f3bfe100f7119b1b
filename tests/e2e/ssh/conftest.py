from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.ssh.directory import SshDirectory, open_session
from tests.support.sshd import SSHD, Sshd


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    if not Path(SSHD).exists():
        pytest.skip("no sshd here: apt-get install openssh-server")
    server = Sshd(tmp_path / "sshd", kinds=("ed25519", "ecdsa"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def session() -> Iterator[SshDirectory]:
    with open_session() as directory:
        yield directory
