"""How a host comes up: namespaces, an overlay over the base image, an address, a firewall, then its own process 1.

Runs in a throw-away child of the launcher, as root inside the cloud. Everything is imported before: a child can no
longer read Python's own files.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from local_cloud import linux

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}
_ADMIN = 1000
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def boot(spec: dict[str, Any], network: int) -> int:
    """Starts the host that `spec` (hosts.boot_spec) tells of; gives its process 1. Raises OSError or RuntimeError.

    A host never runs without its firewall: the rules are in place before its interface is up.
    """
    os.setsid()
    os.umask(0o022)
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC | linux.CLONE_NEWNET)
    root = f"{spec['folder']}/root"
    mount_root(spec, root)
    if spec["first"]:
        personalise(spec, Path(root))
    socket.sethostname(spec["hostname"])
    connect(spec, network)
    linux.unshare(linux.CLONE_NEWPID)  # not earlier: the next child is process 1, and no tool may be that
    ready_read, ready_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ready_read)
        _process_one(spec, root, ready_write)
    os.close(ready_write)
    problem = os.read(ready_read, 4096)  # closed by exec: the empty answer is the good one
    if problem:
        raise RuntimeError(problem.decode(errors="replace"))
    return pid


def mount_root(spec: dict[str, Any], root: str) -> None:
    """The host's file system at `root`: its own layer over the base image, and the kernel's views."""
    folder = spec["folder"]
    # "volatile" spares every fsync; the mark that it leaves must go before the next mount. A host's power cut is not
    # the machine's: the page cache survives it, and so do the host's files.
    shutil.rmtree(f"{folder}/work", ignore_errors=True)
    for name in ("upper", "work", "root"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    layers = ":".join(spec["layers"])
    options = f"userxattr,volatile,lowerdir={layers},upperdir={folder}/upper,workdir={folder}/work"
    linux.mount("overlay", root, "overlay", linux.MS_NODEV, options)
    linux.mount("tmpfs", f"{root}/dev", "tmpfs", linux.MS_NOSUID | linux.MS_NOEXEC, "mode=755,size=64k")
    for name in _DEVICES:
        Path(f"{root}/dev/{name}").touch()
        linux.mount(f"/dev/{name}", f"{root}/dev/{name}", flags=linux.MS_BIND)
    for name, target in _LINKS.items():
        os.symlink(target, f"{root}/dev/{name}")
    os.mkdir(f"{root}/dev/pts")
    os.mkdir(f"{root}/dev/shm", 0o1777)
    linux.mount(
        "devpts",
        f"{root}/dev/pts",
        "devpts",
        linux.MS_NOSUID | linux.MS_NOEXEC,
        "newinstance,ptmxmode=0666,mode=620,gid=5",
    )
    linux.mount("tmpfs", f"{root}/dev/shm", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=1777,size=256m")
    linux.mount("tmpfs", f"{root}/run", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755,size=64m")
    os.makedirs(f"{root}/run/lock", exist_ok=True)
    os.chmod(f"{root}/run/lock", 0o1777)
    # a boot id of its own, new at every boot: that is how tools see that a host has rebooted
    Path(f"{root}/run/boot_id").write_text(f"{uuid.UUID(bytes=os.urandom(16), version=4)}\n")
    Path(f"{root}/var/lib/cloud/reboot-wanted").unlink(missing_ok=True)


def personalise(spec: dict[str, Any], root: Path) -> None:
    """What makes a new instance itself: names, host key, the key pair's public key, user data."""
    name, address = spec["hostname"], spec["address"]
    _write(root / "etc/hostname", f"{name}\n")
    _write(root / "etc/hosts", f"127.0.0.1 localhost\n{address} {name}.{spec['domain']} {name}\n")
    _write(root / "etc/resolv.conf", "options timeout:1 attempts:1\n")
    _write(root / "etc/ssh/ssh_host_ed25519_key", spec["host_key"], 0o600)
    _write(root / "etc/ssh/ssh_host_ed25519_key.pub", spec["host_key_public"])
    ssh = root / "home/admin/.ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    _write(ssh / "authorized_keys", spec["authorized_keys"], 0o600)
    for path in (ssh, ssh / "authorized_keys"):
        os.chown(path, _ADMIN, _ADMIN)
    instance = root / "var/lib/cloud/instances" / spec["id"]
    for part in ("scripts", "sem"):
        (instance / part).mkdir(parents=True, exist_ok=True)
    (root / "var/lib/cloud/instance").symlink_to(f"/var/lib/cloud/instances/{spec['id']}")
    data = base64.b64decode(spec["user_data"])
    (instance / "user-data.txt").write_bytes(data)
    (instance / "user-data.txt").chmod(0o600)
    if data.startswith(b"#!"):
        (instance / "scripts/part-001").write_bytes(data)
        (instance / "scripts/part-001").chmod(0o700)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def connect(spec: dict[str, Any], network: int) -> None:
    """Gives the host its interface in its VPC's bridge, with the firewall first."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    address, link = spec["address"], spec["link"]
    _run(["nft", "-f", "-"], spec["firewall"])
    for setting in ("all", "default"):
        Path(f"/proc/sys/net/ipv6/conf/{setting}/disable_ipv6").write_text("1")
    wire = (
        f"link add {link} type veth peer name eth0 address {mac(address)} netns /proc/self/fd/{own}\n"
        f"link set {link} master br0 up\n"
    )
    _run(["nsenter", f"--net=/proc/self/fd/{network}", "ip", "-batch", "-"], wire, network, own)
    _run(
        ["ip", "-batch", "-"],
        f"link set lo up\naddr add {address}/{spec['prefix']} dev eth0\nlink set eth0 up\nroute add default via {spec['gateway']}\n",
    )


def mac(address: str) -> str:
    """A locally administered address made from the IPv4 one: a restarted host is found at once, no cache is stale."""
    return "02:77:" + ":".join(f"{int(octet):02x}" for octet in address.split("."))


def _run(command: list[str], text: str, *descriptors: int) -> None:
    done = subprocess.run(
        command, input=text, capture_output=True, encoding="utf-8", env=_ENVIRONMENT, pass_fds=descriptors, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {(done.stderr or done.stdout).strip()}")


def _process_one(spec: dict[str, Any], root: str, problem: int) -> None:
    try:
        console = os.open(f"{spec['folder']}/console.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(console, 1)
        os.dup2(console, 2)
        os.chdir(root)
        linux.mount("proc", "proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
        linux.mount("run/boot_id", "proc/sys/kernel/random/boot_id", flags=linux.MS_BIND)
        linux.mount("sysfs", "sys", "sysfs", linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
        linux.pivot_root(".", ".")
        linux.unmount(".")
        os.chdir("/")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):  # what is ignored stays so
            signal.signal(number, signal.SIG_DFL)
        os.execve("/sbin/init", ["/sbin/init"], {"PATH": _ENVIRONMENT["PATH"], "TERM": "dumb"})
    except BaseException as error:
        os.write(problem, f"{error}".encode())
    finally:
        sys.stdout.flush()
        os._exit(1)
