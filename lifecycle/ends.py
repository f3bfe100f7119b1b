"""When an environment is to be taken down, whoever said it: its lease, somebody's appointment, a recurring teardown. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from lifecycle.blueprint.scalars import format_duration
from lifecycle.environment import Environment, Phase
from lifecycle.lease import Appointment, Lease
from lifecycle.ledger import Draft
from lifecycle.recurring import recurring, wanted_at

LATE: Final = timedelta(minutes=10)
"""From here on what is done after its time is said to be late: nobody ticked."""
LATE_TOLD: Final = "late_told"
"""Among an environment's facts: which end it was said of that it is late. It is said once."""


class Kind(StrEnum):
    """Where an end comes from."""

    LEASE = "lease"
    APPOINTMENT = "appointment"
    RECURRING = "recurring"


@dataclass(frozen=True, slots=True)
class End:
    """One moment at which an environment is to be taken down. `why` reads on with "at 2026-12-01 17:00 UTC"."""

    kind: Kind
    at: datetime
    why: str
    zone: str = "UTC"  # whose clocks it was said by
    cron: str = ""
    by: str = ""
    done: datetime | None = None  # when a recurring one was done last
    late: timedelta = timedelta(0)  # how late that was


def ends(environment: Environment, now: datetime) -> Sequence[End]:
    """All ends that are to come, and those that have come and were not done; the earliest first.

    Of what is gone only the recurring ones are left, for the next `up`.
    """
    facts, found = environment.facts, list[End]()
    standing = stands(environment)
    lease, appointment = Lease.of(facts), Appointment.of(facts)
    if standing and lease is not None:
        found.append(End(Kind.LEASE, lease.ends, "its lease ended"))
    if standing and appointment is not None:
        why = f"{appointment.by} appointed its end for {appointment.said}"
        found.append(End(Kind.APPOINTMENT, appointment.at, why, appointment.zone, by=appointment.by))
    for one in recurring(facts):
        at = (one.due(wanted_at(facts), now) if standing else None) or one.next(now)
        if at is not None:
            why = f"its recurring teardown ({one.cron} {one.zone}) was due"
            found.append(End(Kind.RECURRING, at, why, one.zone, one.cron, one.by, one.done, one.late))
    return sorted(found, key=lambda end: end.at)


def stands(environment: Environment) -> bool:
    """Whether there is anything to take down."""
    return environment.phase not in (Phase.NEW, Phase.DESTROYED)


def over(environment: Environment, now: datetime) -> Sequence[End]:
    """The ends that have come, of an environment that stands."""
    return [end for end in ends(environment, now) if end.at <= now] if stands(environment) else []


def lateness(since: datetime, now: datetime) -> str:
    """`, 2h5m late` where it is; nothing where it is not."""
    return f", {_minutes(now - since)} late" if now - since > LATE else ""


def told_late(environment: Environment, now: datetime) -> tuple[Environment, Draft] | None:
    """The environment with its lateness told, and what the ledger says of it; None where it is in time or was told already."""
    late = over(environment, now)
    if not late or now - late[0].at <= LATE or environment.facts.get(LATE_TOLD) == late[0].at.isoformat():
        return None
    data = {"due": late[0].at.isoformat(), "late": _minutes(now - late[0].at), "why": late[0].why}
    changed = replace(environment, facts={**environment.facts, LATE_TOLD: data["due"]})
    return changed, Draft("baton.teardown.late", str(environment.ref), now, data)


def _minutes(duration: timedelta) -> str:
    return format_duration(timedelta(minutes=duration // timedelta(minutes=1)))
