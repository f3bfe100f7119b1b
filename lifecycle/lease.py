"""Leases and appointed ends: until when an environment may stand. Pure.

The end of a lease is its beginning, plus the blueprint's `ttl`, plus what it was extended by. Who takes an environment down
then is the tick.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from lifecycle.blueprint.scalars import format_duration
from lifecycle.environment import Environment, Phase
from lifecycle.errors import BatonError, ExitCode
from lifecycle.ledger import Draft

LEASE: Final = "lease"
"""Among an environment's facts: its lease."""
DOWN_AT: Final = "down_at"
"""Among an environment's facts: the moment that somebody appointed for its end."""
LIMIT: Final = "lease_limit"
"""Among an environment's facts: the longest lease (seconds) that whoever brought it up allows it, whatever its blueprint says."""
WARN: Final = (timedelta(hours=1), timedelta(minutes=10))
"""How long before the end to warn where only a limit grants a lease."""


class NoLease(BatonError):
    """An environment that ends by itself was expected, and this one has no lease."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Lease:
    """How long an environment may stand. `warned`: which warnings were given already."""

    begun: datetime
    ttl: timedelta
    extended: timedelta = timedelta(0)
    warn: tuple[timedelta, ...] = ()
    warned: tuple[timedelta, ...] = ()

    @property
    def ends(self) -> datetime:
        return self.begun + self.ttl + self.extended

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self | None:
        """The lease among an environment's facts."""
        known = facts.get(LEASE)
        if known is None:
            return None
        return cls(
            datetime.fromisoformat(known["begun"]),
            timedelta(seconds=known["ttl"]),
            timedelta(seconds=known["extended"]),
            tuple(timedelta(seconds=s) for s in known["warn"]),
            tuple(timedelta(seconds=s) for s in known["warned"]),
        )

    @property
    def fact(self) -> dict[str, Any]:
        """As `of` reads it; seconds and ISO 8601."""
        return {
            "begun": self.begun.isoformat(),
            "ttl": self.ttl.total_seconds(),
            "extended": self.extended.total_seconds(),
            "warn": [w.total_seconds() for w in self.warn],
            "warned": [w.total_seconds() for w in self.warned],
        }

    def longer(self, by: timedelta, now: datetime) -> Self:
        """Extended from its end, or from now where it has ended. Warnings come again."""
        late = max(now - self.ends, timedelta(0))
        return replace(self, extended=self.extended + late + by, warned=())

    def warning(self, now: datetime) -> timedelta | None:
        """The warning that is due and was not given: the shortest one, as the longer ones are past."""
        left = self.ends - now
        passed = [w for w in self.warn if left <= w]
        return min(passed) if passed and left > timedelta(0) and min(passed) not in self.warned else None

    def told(self, now: datetime) -> Self:
        """With every warning that is past counted as given."""
        return replace(self, warned=tuple(w for w in self.warn if self.ends - now <= w))


def limit_of(facts: Mapping[str, Any], asked: timedelta | None) -> timedelta | None:
    """The limit that holds: the one that is asked for now, else the one that an earlier run was given. It ends with the environment."""
    if asked is not None:
        return asked
    return timedelta(seconds=facts[LIMIT]) if LIMIT in facts else None


def limited(
    ttl: timedelta | None, warn: tuple[timedelta, ...], limit: timedelta | None
) -> tuple[timedelta | None, tuple[timedelta, ...]]:
    """(ttl, warnings) of a blueprint under a limit: the shorter of the two; a limit alone grants a lease too."""
    if limit is None:
        return ttl, warn
    return (limit, WARN) if ttl is None else (min(ttl, limit), warn)


def granted(known: Lease | None, ttl: timedelta | None, warn: tuple[timedelta, ...], now: datetime) -> Lease | None:
    """The lease of an environment that is brought up now. One that has ended begins anew: somebody wants it again."""
    if ttl is None:
        return None
    if known is None or (known.ends <= now and known.begun + ttl + known.extended <= now):
        return Lease(now, ttl, warn=warn)
    return replace(known, ttl=ttl, warn=warn)


def extended(environment: Environment, by: timedelta, now: datetime, who: str) -> tuple[Environment, Draft]:
    """The environment with its lease extended, and what the ledger says of it. Raises NoLease."""
    lease = Lease.of(environment.facts)
    if lease is None:
        hint = "a blueprint grants one: `lease: {ttl: 8h}`, and the next `baton up` begins it"
        raise NoLease(f"{environment.ref} has no lease: it stands until somebody takes it down", hint=hint)
    longer = lease.longer(by, now)
    data = {"by": who, "extended": format_duration(by), "from": lease.ends.isoformat(), "to": longer.ends.isoformat()}
    changed = replace(environment, facts={**environment.facts, LEASE: longer.fact})
    return changed, Draft("baton.lease.extended", str(environment.ref), now, data)


@dataclass(frozen=True, slots=True)
class Appointment:
    """A moment at which an environment is to be taken down. `said` is how somebody wrote it, `zone` by whose clocks."""

    at: datetime
    said: str
    by: str
    zone: str = "UTC"

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self | None:
        """The appointment among an environment's facts."""
        known = facts.get(DOWN_AT)
        if known is None:
            return None
        return cls(datetime.fromisoformat(known["at"]), known["said"], known["by"], known.get("tz", "UTC"))


def appointed(environment: Environment, appointment: Appointment | None, now: datetime) -> tuple[Environment, Draft]:
    """The environment with an end appointed, or with none any more, and what the ledger says of it."""
    others = {key: value for key, value in environment.facts.items() if key != DOWN_AT}
    if appointment is None:
        draft = Draft("baton.teardown.unscheduled", str(environment.ref), now)
        return replace(environment, facts=others), draft
    fact = {"at": appointment.at.isoformat(), "said": appointment.said, "by": appointment.by, "tz": appointment.zone}
    changed = replace(environment, facts={**others, DOWN_AT: fact})
    return changed, Draft("baton.teardown.scheduled", str(environment.ref), now, fact)


def expiring(environment: Environment, now: datetime) -> tuple[Environment, Draft] | None:
    """The environment with its warning given, and what the ledger says of it; None where no warning is due."""
    lease = Lease.of(environment.facts)
    if environment.phase in (Phase.NEW, Phase.DESTROYED) or lease is None or lease.warning(now) is None:
        return None
    left = format_duration(timedelta(minutes=(lease.ends - now) // timedelta(minutes=1)))
    data = {"ends": lease.ends.isoformat(), "left": left}
    changed = replace(environment, facts={**environment.facts, LEASE: lease.told(now).fact})
    return changed, Draft("baton.lease.expiring", str(environment.ref), now, data)
