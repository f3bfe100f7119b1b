"""The hosts that run now: started through the launcher, watched by pidfd, stopped in good order or by a power cut."""

from __future__ import annotations

import base64
import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from local_cloud.errors import CloudError
from local_cloud.launcher import Launcher
from local_cloud.linux import in_network
from local_cloud.network import run_in

AT_ONCE = 4
"""Boots that run at the same time: more of them on few cores only make each one slower."""

_BANNER_DEADLINE = 30.0
_STOP_DEADLINE = 30.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a host is to be, as its instance says it."""

    id: str
    vpc: str
    address: str
    prefix: int
    gateway: str
    domain: str
    authorized_keys: str = ""
    user_data: bytes = b""

    @property
    def hostname(self) -> str:
        return "ip-" + self.address.replace(".", "-")

    @property
    def link(self) -> str:
        """The name of its link in the VPC: unique there, within the kernel's 15 characters."""
        return "h" + "".join(f"{int(octet):02x}" for octet in self.address.split("."))


def host_key(comment: str) -> tuple[str, str]:
    """A fresh ed25519 host key: the private file's text and the public line."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(), f"{public} {comment}\n"


@dataclass(slots=True)
class Host:
    """One running host: `pid` is its process 1 as seen inside the cloud.

    Both descriptors are closed when it ends; use them under `open`, or another file may have taken their number.
    """

    wish: Wish
    pid: int
    pidfd: int
    network: int
    firewall: str
    expected_end: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    open: threading.Lock = field(default_factory=threading.Lock)


class Hosts:
    """All hosts by instance id. `died(id)` is called when one ends that nobody asked to."""

    def __init__(self, launcher: Launcher, stage: Path, died: Callable[[str], None]) -> None:
        self._launcher = launcher
        self._stage = stage
        self._died = died
        self._running: dict[str, Host] = {}
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def get(self, id: str) -> Host | None:
        return self._running.get(id)

    def running(self) -> list[Host]:
        return list(self._running.values())

    def folder(self, id: str) -> Path:
        return self._stage / "hosts" / id

    def boot(self, wish: Wish, network: int, firewall: str, *, first: bool) -> Host:
        """Starts a host and waits for its sshd's banner. Raises CloudError with the console's last line."""
        with self._slots:
            pid = self._launcher.boot(self._spec(wish, firewall, first), network)
            host = Host(
                wish, pid, os.pidfd_open(pid), os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC), firewall
            )
            self._running[wish.id] = host
            threading.Thread(target=self._watch, args=(host,), daemon=True).start()
            self._await_banner(host)
        return host

    def _spec(self, wish: Wish, firewall: str, first: bool) -> dict[str, Any]:
        spec: dict[str, Any] = {
            "id": wish.id,
            "folder": str(self.folder(wish.id)),
            "layers": [str(self._stage / "layer"), str(self._stage / "image" / "rootfs")],
            "hostname": wish.hostname,
            "domain": wish.domain,
            "address": wish.address,
            "prefix": wish.prefix,
            "gateway": wish.gateway,
            "link": wish.link,
            "firewall": firewall,
            "first": first,
        }
        if first:
            private, public = host_key(f"root@{wish.hostname}")
            spec |= {"host_key": private, "host_key_public": public, "authorized_keys": wish.authorized_keys}
            spec["user_data"] = base64.b64encode(wish.user_data).decode()
        return spec

    def _await_banner(self, host: Host) -> None:
        deadline = time.monotonic() + _BANNER_DEADLINE

        def look() -> bool:
            while time.monotonic() < deadline and not host.ended.is_set():
                try:
                    with socket.create_connection(("127.0.0.1", 22), 1) as connection:
                        if connection.recv(4) == b"SSH-":
                            return True
                except OSError:
                    time.sleep(0.004)
            return False

        with host.open:
            network = -1 if host.ended.is_set() else os.dup(host.network)
        try:
            answered = network >= 0 and in_network(network, look)
        finally:
            if network >= 0:
                os.close(network)
        if not answered:
            tail = self.console(host.wish.id).strip().splitlines()[-1:] or ["nothing on its console"]
            self.kill(host.wish.id)
            raise CloudError(
                f"The host {host.wish.id} did not answer on SSH within {_BANNER_DEADLINE:.0f} s: {tail[0]}"
            )

    def _watch(self, host: Host) -> None:
        poll = select.poll()
        poll.register(host.pidfd, select.POLLIN)
        poll.poll()
        if self._running.get(host.wish.id) is host:
            del self._running[host.wish.id]
        with host.open:
            host.ended.set()
            os.close(host.network)
            os.close(host.pidfd)
        if not host.expected_end:
            self._died(host.wish.id)

    def halt(self, id: str) -> None:
        """An orderly stop (its services first); a power cut after the deadline."""
        self._end(id, signal.SIGTERM, expected=True)

    def kill(self, id: str, *, expected: bool = True) -> None:
        """A power cut. With `expected=False` it counts as a host that died by itself."""
        self._end(id, signal.SIGKILL, expected=expected)

    def _end(self, id: str, number: signal.Signals, *, expected: bool) -> None:
        host = self._running.get(id)
        if host is None:
            return
        host.expected_end = expected
        for final in (number, signal.SIGKILL):
            with host.open, contextlib.suppress(ProcessLookupError):  # it may end between our look and our signal
                if not host.ended.is_set():
                    signal.pidfd_send_signal(host.pidfd, final)
            if host.ended.wait(_STOP_DEADLINE):
                return
        raise CloudError(
            f"The host {id} survived SIGKILL for {_STOP_DEADLINE:.0f} s.", "A process hangs in the kernel."
        )

    def enforce(self, host: Host, firewall: str) -> None:
        """Replaces a running host's firewall."""
        with host.open:
            if host.firewall != firewall and not host.ended.is_set():
                run_in(host.network, ["nft", "-f", "-"], firewall)
                host.firewall = firewall

    def remove(self, id: str) -> None:
        """Removes the files of a host that does not run."""
        self._launcher.remove(str(self.folder(id)))

    def wants_reboot(self, id: str) -> bool:
        """Whether a host that ended was told to reboot (from inside) and not to power off."""
        return (self.folder(id) / "upper/var/lib/cloud/reboot-wanted").exists()

    def console(self, id: str) -> str:
        return _text(self.folder(id) / "console.log")

    def user_data_log(self, id: str) -> str:
        return _text(self.folder(id) / "upper/var/log/cloud-init-output.log")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
