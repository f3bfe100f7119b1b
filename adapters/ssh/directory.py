"""What a run trusts and the sockets of its open connections: one private directory, closed and gone afterwards."""

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.rundir import RunDirectory
from lifecycle.errors import BatonError
from lifecycle.inventory import Host
from lifecycle.ssh_options import bare_key, known_hosts_line, short_digest


class SshDirectory:
    """Gives every host of a run its known_hosts file and its control socket (`SshPaths`). Safe among threads.

    Share one among the readiness ladder, Ansible and the probes of a run: they share the connections then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._pinned: set[str] = set()
        for part in ("c", "k"):
            (path / part).mkdir(mode=0o700, exist_ok=True)

    def known_hosts(self, host: Host) -> str:
        """Path of a file that trusts the host's pinned key for its id. Raises BatonError for a host without one."""
        if not host.host_key:
            raise BatonError(
                f"{host.name} ({host.id}) has no trusted host key yet",
                hint="it is pinned when the host becomes ready: run `baton up` first",
            )
        path = self.path / "k" / short_digest(host.identity)
        with self._lock:
            if host.identity not in self._pinned:
                write_private(path, known_hosts_line(host.id, host.host_key))
                self._trust_as_jump(host)
                self._pinned.add(host.identity)
        return str(path)

    def control_path(self, host: Host) -> str:
        """Path of the host's control socket. Another key or another way there is another socket."""
        way = host.connection
        return str(self.path / "c" / short_digest(f"{host.identity} {way}"))

    @property
    def jump_known_hosts(self) -> str:
        """Path of a file with every pinned key by its host's address: a host of the run may be another one's jump."""
        return str(self.path / "jumps")

    def trust(self, hosts: Iterable[Host]) -> None:
        """Pin every host of an inventory that has a key already, so that each can be a jump."""
        for host in hosts:
            if host.host_key:
                self.known_hosts(host)

    def _trust_as_jump(self, host: Host) -> None:
        addresses = {host.connection.address, *(str(host.facts[k]) for k in _ADDRESSES if host.facts.get(k))}
        port = host.connection.port
        names = ",".join(sorted(a if port == 22 else f"[{a}]:{port}" for a in addresses))
        descriptor = os.open(self.path / "jumps", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{names} {bare_key(host.host_key)}\n")


_ADDRESSES = ("private_address", "public_address")


@contextmanager
def open_session(base: Path | None = None) -> Iterator[SshDirectory]:
    """An SshDirectory for one run. Afterwards, and also if this process is killed, its connections are closed and it is gone."""
    with RunDirectory(base) as directory:
        yield SshDirectory(directory.path)


def write_private(path: Path, text: str) -> None:
    """Write a 0600 file in one step."""
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)
