"""A private sshd on loopback with keys of its own: a host to talk to that changes nothing on this machine."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lifecycle.inventory import Connection, Host, Trust

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
ADDRESS = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def make_key(path: Path, kind: str = "ed25519") -> str:
    """A new key pair; gives the public key as `type base64`."""
    path.unlink(missing_ok=True)
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(argv, check=True, timeout=30, stdin=subprocess.DEVNULL)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


@dataclass
class Sshd:
    """An sshd in the foreground. `folder` holds its keys, its log and its configuration."""

    folder: Path
    kinds: tuple[str, ...] = ("ed25519",)
    port: int = field(default_factory=free_port)
    extra: str = ""  # more lines of sshd_config
    host_keys: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.client_key = self.folder / "client"
        make_key(self.client_key)
        (self.folder / "authorized").write_text(self.client_key.with_suffix(".pub").read_text())
        self.make_host_keys()
        self.process: subprocess.Popen[bytes] | None = None

    def make_host_keys(self) -> None:
        """New host keys: what a host made anew would have."""
        self.host_keys = [make_key(self.folder / f"host_{kind}", kind) for kind in self.kinds]

    def start(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's own; it does not start without it
        lines = [f"ListenAddress {ADDRESS}:{self.port}", "PidFile none", "UsePAM no", "StrictModes no"]
        lines += [f"HostKey {self.folder}/host_{kind}" for kind in self.kinds]
        lines += [f"AuthorizedKeysFile {self.folder}/authorized", "PermitRootLogin prohibit-password"]
        lines += ["PasswordAuthentication no", "KbdInteractiveAuthentication no", "Subsystem sftp internal-sftp"]
        config = self.folder / "sshd_config"
        config.write_text("\n".join([*lines, self.extra, ""]))
        with (self.folder / "log").open("ab") as log:
            argv = [SSHD, "-D", "-e", "-f", str(config)]
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=log, start_new_session=True)
        self._await_banner()

    def stop(self) -> None:
        """End it, with the sessions that it holds."""
        if self.process is None:
            return
        children = _descendants(self.process.pid)
        for pid in (self.process.pid, *children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        self.process = None

    def host(self, name: str = "web-1", **changes: object) -> Host:
        """This sshd as a host of an inventory, by default trusted through its stack's output."""
        facts: dict[str, object] = {
            "name": name,
            "stack": "web",
            "id": f"i-{name}",
            "connection": self.connection(),
            "offered_key": self.host_keys[0],
            "trust": (Trust.OUTPUT,),
        }
        return Host(**{**facts, **changes})  # type: ignore[arg-type]

    def connection(self, **changes: object) -> Connection:
        user = os.environ.get("USER") or "root"
        facts: dict[str, object] = {"port": self.port, "user": user, "key": str(self.client_key), "become": False}
        return Connection(ADDRESS, **{**facts, **changes})  # type: ignore[arg-type]

    def _await_banner(self) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection((ADDRESS, self.port), 1) as peer:
                peer.settimeout(1)
                if peer.recv(4) == b"SSH-":
                    return
            time.sleep(0.02)
        raise AssertionError(f"sshd did not start: {(self.folder / 'log').read_text()}")


def _descendants(pid: int) -> list[int]:
    with suppress(OSError):
        children = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [found for child in children for found in (child, *_descendants(child))]
    return []
