"""Who we are as a process, and whether a process seen earlier still lives."""

from __future__ import annotations

import getpass
import os
import socket
from functools import cache
from pathlib import Path

from lifecycle.lock import Owner


def current_owner(flow_run: str = "") -> Owner:
    """This process, such that it can be proven gone later."""
    return Owner(_user(), _machine(), _boot_id(), os.getpid(), _started(os.getpid()) or 0, flow_run)


def owner_of(pid: int) -> Owner | None:
    """A process of this machine that runs, such that it can be proven gone later."""
    started = _started(pid)
    return None if started is None else Owner(_user(), _machine(), _boot_id(), pid, started)


def alive(owner: Owner) -> bool | None:
    """Whether that process lives; None where we cannot say: another machine, or another PID namespace of this one."""
    host, machine_id, namespace = (*owner.machine.split(":"), "", "")[:3]
    our_host, our_id, our_namespace = _machine().split(":")
    if not machine_id or (host, machine_id) != (our_host, our_id):
        return None
    if owner.boot_id != _boot_id():
        return False
    if namespace != our_namespace or _hidden(owner.pid):
        return None
    return _started(owner.pid) == owner.started


def gone(owner: Owner) -> bool:
    """Whether a lock may be taken from its owner before its lease has run out: it lived in this boot, and is dead.

    An earlier boot would prove it too, but clones of one image may share name and id, each with a boot of its own; and a
    machine that was started again takes longer than a lease.
    """
    return owner.boot_id == _boot_id() and alive(owner) is False


@cache
def _machine() -> str:
    """`host name:machine id:PID namespace`. A machine without an id (some containers) has an empty one: nothing is claimed then."""
    try:
        machine_id = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        machine_id = ""
    return f"{socket.gethostname().replace(':', '_')}:{machine_id}:{Path('/proc/self/ns/pid').stat().st_ino}"


@cache
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a uid without a name
        return str(os.getuid())


def _hidden(pid: int) -> bool:
    """Whether a process runs that /proc does not show us: another user's, where it is mounted with `hidepid`."""
    if Path(f"/proc/{pid}").exists():
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False  # it was started this moment


def _started(pid: int) -> int | None:
    """Clock ticks from boot to the start of a process that runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
