"""What a configurator is asked for, and what it did, host by host."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from lifecycle.inventory import Host


class HostStatus(StrEnum):
    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    SKIPPED = "skipped"

    @property
    def good(self) -> bool:
        return self in (HostStatus.OK, HostStatus.CHANGED, HostStatus.SKIPPED)


@dataclass(frozen=True, slots=True)
class TaskChange:
    """One task that changed something, or would, where nothing was done but looked. `diff` is masked."""

    task: str
    diff: str = ""
    handler: bool = False  # it ran because another one changed something: a restart, mostly


@dataclass(frozen=True, slots=True)
class HostResult:
    """How one host came out: by the tool's statistics, not by single events."""

    host: str  # Host.name
    status: HostStatus
    ok: int = 0
    changed: int = 0
    failed: int = 0
    skipped: int = 0
    task: str = ""  # the failing task
    message: str = ""  # its message, masked
    changes: tuple[TaskChange, ...] = ()  # of a rehearsal


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configure step, resolved: what to run, on which hosts, with which variables.

    `hosts` are those to configure now (Ansible's --limit); `inventory` are all hosts known, so that a play may
    read its neighbours. Variables may hold Sensitive values; they travel by file, never by argument.
    """

    name: str
    playbook: Path
    hosts: tuple[Host, ...]
    inventory: tuple[Host, ...]
    variables: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # extra group → host names
    deadline: timedelta = timedelta(minutes=30)
    check: bool = False  # only look: nothing is changed, and what would be is told


@dataclass(frozen=True, slots=True)
class Configured:
    """What a run of the configurator did. `complete` is False when it ended without statistics (killed, no start)."""

    hosts: tuple[HostResult, ...]
    complete: bool = True
    message: str = ""
