"""Machines of a test's own: namespaces with a network, a disk and processes that nobody else sees. They end with the test.

A network is one hidden machine with a bridge; machines hang on it by a veth pair. The root network is not touched, so nothing is
to be cleaned up there: when the process that holds a machine ends, and it does when its standard input closes, the kernel ends
everything in it. On a machine everything is read-only but directories of its own, which begin empty: nothing leaks over the disk.
"""

import contextlib
import os
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from local_cloud.linux import in_network

T = TypeVar("T")
PREFIX = "10.213.77"
"""The /24 of every network: each is hidden, so they may share it."""
OWN = ("/tmp", "/run", "/var/tmp", "/dev/shm", "/root")
"""Directories that begin empty on every machine, and are all that can be written there."""

_MACHINE = """
set -e
name=$1; shift
mount --make-rprivate /
mount -t tmpfs tmpfs /media
number=0
for path in "$@"; do
    number=$((number + 1))
    if [ -d "$path" ]; then mkdir /media/$number; else : > /media/$number; fi
    mount --rbind "$path" /media/$number
done
for path in OWN; do mount -t tmpfs -o mode=1777 tmpfs $path; done
number=0
for path in "$@"; do
    number=$((number + 1))
    if [ -d /media/$number ]; then mkdir -p "$path"; else mkdir -p "${path%/*}"; : > "$path"; fi
    mount --move /media/$number "$path"
    mount -o remount,bind,ro "$path"
done
umount /media
hostname "$name"
mount -t proc proc /proc
echo "$BOOT" > /tmp/.boot-id
mount --bind /tmp/.boot-id /proc/sys/kernel/random/boot_id
if [ -e /etc/machine-id ]; then
    echo "$MACHINE" > /tmp/.machine-id
    mount --bind /tmp/.machine-id /etc/machine-id
fi
mount -o remount,bind,ro /
ip link set lo up
mkdir -p -m 0700 /tmp/etc /tmp/baton
echo ready
exec cat >/dev/null
""".replace("OWN", " ".join(OWN))


class Impossible(Exception):
    """Why there can be no machines here."""


@dataclass
class Machine:
    """One machine, held by a process whose standard input is its life."""

    name: str
    holder: "subprocess.Popen[str]"
    address: str = ""
    init: int = field(init=False)

    def __post_init__(self) -> None:
        assert self.holder.stdout is not None
        if self.holder.stdout.readline() != "ready\n":
            raise Impossible(f"{self.name}: {self.holder.stderr.read() if self.holder.stderr else ''}")
        children = Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split()
        self.init = int(children[0])

    def inside(self, *argv: str) -> list[str]:
        """The command line that runs a command there."""
        spaces = ("--mount", "--uts", "--ipc", "--net", "--pid")
        return ["nsenter", "--target", str(self.init), *spaces, "--wdns=/tmp/baton", "--", *argv]

    def run(self, *argv: str, env: Mapping[str, str], timeout: float = 300) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.inside(*argv), env=dict(env), capture_output=True, text=True, timeout=timeout, check=False
        )

    def write(self, path: str, content: bytes) -> None:
        """A file of the machine, for its owner alone."""
        script = 'umask 077; mkdir -p "${1%/*}"; cat > "$1"'
        subprocess.run(self.inside("sh", "-c", script, "sh", path), input=content, check=True, timeout=30)

    def copy(self, folders: Sequence[Path], into: str) -> None:
        """Copies of folders, below a directory of the machine."""
        script = 'mkdir -p "$1" && tar -x -C "$1"'
        unpack = subprocess.Popen(self.inside("sh", "-c", script, "sh", into), stdin=subprocess.PIPE)
        assert unpack.stdin is not None
        with unpack.stdin, tarfile.open(fileobj=unpack.stdin, mode="w|") as tar:
            for folder in folders:
                tar.add(folder, folder.name, filter=lambda i: None if "/.terraform" in i.name else i)
        assert unpack.wait(60) == 0

    def processes(self, *words: str) -> list[int]:
        """Ids (as the root sees them) of its processes whose command line holds one of these words."""
        space = Path(f"/proc/{self.init}/ns/pid").readlink()
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (path / "ns/pid").readlink() == space:
                    line = (path / "cmdline").read_bytes().decode(errors="replace")
                    if any(word in line for word in words):
                        found.append(int(path.name))
        return found

    def end(self) -> None:
        """Cut its power."""
        self.holder.kill()
        self.holder.communicate(timeout=30)


@dataclass
class Network:
    """The hidden machine with the bridge. `gateway` is its address, where a test's servers listen."""

    machine: Machine
    gateway: str = f"{PREFIX}.1"

    @property
    def within(self) -> list[str]:
        """The words before a command that runs on this disk, and in this network."""
        return ["nsenter", "--target", str(self.machine.init), "--net", "--"]

    def call(self, action: Callable[[], T]) -> T:
        """What an action gives, done by this process in this network."""
        space = os.open(f"/proc/{self.machine.init}/ns/net", os.O_RDONLY)
        try:
            return in_network(space, action)
        finally:
            os.close(space)

    def ip(self, *words: str) -> None:
        done = subprocess.run([*self.within, "ip", *words], capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            raise Impossible(f"ip {' '.join(words)}: {done.stderr.strip()}")

    def connect(self, machine: Machine, number: int) -> None:
        """Hang a machine on the bridge, as the address PREFIX.number."""
        machine.address = f"{PREFIX}.{number}"
        self.ip("link", "add", f"m{number}", "type", "veth", "peer", "name", "eth0", "netns", str(machine.init))
        self.ip("link", "set", f"m{number}", "master", "bridge", "up")
        there = ["nsenter", "--target", str(machine.init), "--net", "--", "ip"]
        for words in (["addr", "add", f"{machine.address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            subprocess.run([*there, *words], check=True, timeout=30)


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """An empty network. Raises Impossible."""
    if os.geteuid() != 0:
        raise Impossible("machines of a test's own need root")
    script = "ip link set lo up && echo ready && exec cat >/dev/null"
    holder = _hold(["--net", "--pid", "--fork", "--kill-child"], script, [], {})
    try:
        one = Network(Machine("network", holder))
        one.ip("link", "add", "bridge", "type", "bridge")
        one.ip("addr", "add", f"{one.gateway}/24", "dev", "bridge")
        one.ip("link", "set", "bridge", "up")
        yield one
    finally:
        holder.kill()
        holder.communicate(timeout=30)


@contextlib.contextmanager
def machine(on: Network, name: str, number: int, visible: Sequence[Path]) -> Iterator[Machine]:
    """A machine of this network that sees nothing but the system and what is named here, all of it read-only or a socket."""
    spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child"]
    ids = {"BOOT": str(uuid.uuid4()), "MACHINE": uuid.uuid4().hex}
    holder = _hold(spaces, _MACHINE, [name, *map(str, visible)], ids)
    try:
        one = Machine(name, holder)
        on.connect(one, number)
        yield one
    finally:
        holder.kill()
        holder.communicate(timeout=30)


def _hold(spaces: list[str], script: str, words: list[str], ids: dict[str, str]) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    env = {"PATH": os.environ["PATH"], **ids}
    argv = ["unshare", *spaces, "sh", "-c", script, "sh", *words]
    return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env, start_new_session=True)


def wait_for(what: Callable[[], Any], seconds: float, why: Callable[[], str] = lambda: "", every: float = 1.0) -> Any:
    """The first true value that `what()` gives; fails after the deadline, saying why."""
    until = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < until, f"waited {seconds:g} s in vain\n{why()}"
        time.sleep(every)
    return value


def python_and_checkout(checkout: Path) -> list[Path]:
    """What has to be visible for this Python to run on a machine."""
    return [checkout, Path(sys.base_prefix)]
