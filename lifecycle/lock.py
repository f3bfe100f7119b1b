"""The environment lock: who may write to an environment now."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError, ExitCode

LEASE = timedelta(seconds=30)
"""How long a lock lives without a heartbeat. Three missed heartbeats; long enough for a slow disk."""
HEARTBEAT = timedelta(seconds=8)
"""How often the holder renews. Under a third of the lease."""
HASTE = timedelta(seconds=10)
"""From asking the tools of a run that lost its lock to stop until they are killed. A fresh apply takes no interrupt for six
seconds, and one that is killed leaves out of its state what it was making; the next run's Terraform waits twenty for the state."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that holds or held something, so that it can be proven gone: pids are reused, boots end them all."""

    user: str
    machine: str  # host name and machine id
    boot_id: str
    pid: int
    started: int  # clock ticks since boot at which the process started: /proc/<pid>/stat field 22
    flow_run: str = ""

    @property
    def person(self) -> str:
        """`ada on laptop`."""
        return f"{self.user} on {self.machine.split(':')[0]}"

    def __str__(self) -> str:
        run = f", flow run {self.flow_run}" if self.flow_run else ""
        return f"{self.person} (process {self.pid}{run})"


@dataclass(frozen=True, slots=True)
class Lock:
    """A held lock. Every write names its token; a smaller token than the store's is stale and writes nothing."""

    environment: EnvironmentRef
    owner: Owner
    token: int
    acquired_at: datetime
    expires_at: datetime
    taken_from: Owner | None = field(default=None, compare=False)  # who had it before, and never gave it back
    given_back: bool = field(default=False, compare=False)


class Locked(BatonError):
    """Somebody else is writing to this environment."""

    exit_code = ExitCode.LOCKED


class LostLock(BatonError):
    """The lock on this environment was lost: another run has taken over."""

    exit_code = ExitCode.LOCKED


def locked(holder: Lock) -> Locked:
    """The error for somebody who wants a lock that `holder` has."""
    return Locked(
        f"{holder.environment} is locked by {holder.owner} since {_utc(holder.acquired_at)}",
        hint="see what it is doing with `baton status`; run this again when it is over, or with --wait",
        facts=_facts(holder),
    )


def lost(lock: Lock, holder: Lock | None) -> LostLock:
    """The error for a write under a lock that is stale: `holder` has it now, or nobody has."""
    why = f"{holder.owner} took over at {_utc(holder.acquired_at)}" if holder else "it was released"
    return LostLock(
        f"the lock on {lock.environment} was lost: {why}",
        hint="nothing more was written; run the command again when the other run is over",
        facts=_facts(holder) if holder else {"environment": str(lock.environment)},
    )


def _utc(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"


def _facts(lock: Lock) -> dict[str, Any]:
    return {
        "environment": str(lock.environment),
        "user": lock.owner.user,
        "machine": lock.owner.machine,
        "pid": lock.owner.pid,
        "flow_run": lock.owner.flow_run,
        "since": lock.acquired_at.isoformat(),
        "expires": lock.expires_at.isoformat(),
    }
