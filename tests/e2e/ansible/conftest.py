from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.ansible.adapter import AnsibleConfigurator
from adapters.ssh.directory import SshDirectory, open_session
from adapters.ssh.ladder import Ladder
from lifecycle.inventory import Host
from lifecycle.ports import Run
from tests.support.sshd import SSHD, Sshd


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if not Path(SSHD).exists():
        pytest.skip("no sshd here: apt-get install openssh-server")
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def session() -> Iterator[SshDirectory]:
    with open_session() as directory:
        yield directory


@pytest.fixture(scope="module")
def web(sshd: Sshd, session: SshDirectory) -> Host:
    """A host that is ready."""
    return Ladder(session).await_ready(sshd.host(groups=("web",)), Run(deadline=timedelta(seconds=30))).host


@pytest.fixture(scope="module")
def dead(web: Host) -> Host:
    """A host that was ready and does not answer any more."""
    return replace(web, name="web-2", id="i-web-2", connection=replace(web.connection, port=1))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Where runs have their directories."""
    path = tmp_path / "runs"
    path.mkdir()
    return path


@pytest.fixture
def configurator(session: SshDirectory, runs: Path) -> AnsibleConfigurator:
    return AnsibleConfigurator(roles=[], paths=session, base=runs)
