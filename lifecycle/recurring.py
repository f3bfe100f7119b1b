"""Recurring teardowns: a cron expression on the clocks of a zone, as instants. Pure.

A time on the wall stands for the first instant at which the zone's clocks read it or a later one. So what the clocks skip is
done at the first instant after the gap, what they show twice is done once, and nothing is ever early.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lifecycle.cron import parse_cron
from lifecycle.environment import Environment
from lifecycle.errors import BatonError, ExitCode
from lifecycle.ledger import Draft

RECURRING: Final = "recurring_teardowns"
"""Among an environment's facts: when it is taken down again and again. They outlive a teardown."""
WANTED: Final = "wanted_at"
"""Among an environment's facts: when somebody brought it up last. A recurring teardown before that is answered by it."""
BLUEPRINT: Final = "blueprint"
"""Who a recurring teardown is from that the blueprint says."""


class BadZone(BatonError):
    """There is no such time zone."""

    exit_code = ExitCode.USAGE


class NoSchedule(BatonError):
    """There is no such recurring teardown."""

    exit_code = ExitCode.USAGE


def zone_of(name: str) -> ZoneInfo:
    """`Europe/Berlin`. Raises BadZone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadZone(
            f"there is no time zone '{name:.60}'", hint="zones are named as in Europe/Berlin or UTC"
        ) from None


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant, UTC, at which the zone's clocks read `wall` (naive) or a later time."""
    at = wall.replace(tzinfo=zone).astimezone(UTC)
    if _wall(at, zone) == wall:
        return at
    before, after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), at  # skipped: the change lies between these two
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        before, after = (before, middle) if _wall(middle, zone) >= wall else (middle, after)
    return after.replace(microsecond=0)


def next_after(cron: str, zone: str, after: datetime) -> datetime | None:
    """The first instant after `after` at which the expression's time comes, UTC; None where the calendar ends before."""
    known = zone_of(zone)
    local = _wall(after, known).replace(second=0, microsecond=0)
    return next((at for wall in parse_cron(cron).walls(local) if (at := instant(wall, known)) > after), None)


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Recurring:
    """One recurring teardown. `since`: times up to then are none of its business; `done`, `late`: how the last one went."""

    cron: str
    zone: str
    by: str
    since: datetime
    done: datetime | None = None
    late: timedelta = timedelta(0)  # of the last one

    @property
    def key(self) -> tuple[str, str]:
        return self.cron, self.zone

    def due(self, wanted: datetime | None, now: datetime) -> datetime | None:
        """The first time that has come since somebody wanted the environment; those after it are the same teardown."""
        at = self.next(max(self.since, wanted or self.since))
        return at if at is not None and at <= now else None

    def next(self, after: datetime) -> datetime | None:
        """The first time after an instant."""
        return next_after(self.cron, self.zone, max(after, self.since))

    @property
    def fact(self) -> dict[str, Any]:
        """As `of` reads it; ISO 8601 and seconds."""
        return {
            "cron": self.cron,
            "tz": self.zone,
            "by": self.by,
            "since": self.since.isoformat(),
            "done": self.done.isoformat() if self.done else None,
            "late": self.late.total_seconds(),
        }

    @classmethod
    def of(cls, fact: Mapping[str, Any]) -> Self:
        done = datetime.fromisoformat(fact["done"]) if fact["done"] else None
        since, late = datetime.fromisoformat(fact["since"]), timedelta(seconds=fact["late"])
        return cls(fact["cron"], fact["tz"], fact["by"], since, done, late)


def recurring(facts: Mapping[str, Any]) -> Sequence[Recurring]:
    """The recurring teardowns among an environment's facts, in the order in which they were made."""
    return [Recurring.of(fact) for fact in facts.get(RECURRING, ())]


def wanted_at(facts: Mapping[str, Any]) -> datetime | None:
    """When somebody brought the environment up last."""
    return datetime.fromisoformat(facts[WANTED]) if WANTED in facts else None


def added(environment: Environment, cron: str, zone: str, who: str, now: datetime) -> tuple[Environment, Draft]:
    """The environment with one more, and what the ledger says of it. One that is there already begins anew. Raises BadCron, BadZone."""
    new = Recurring(parse_cron(cron).text, zone_of(zone).key, who, now)
    others = [r for r in recurring(environment.facts) if r.key != new.key]
    draft = Draft("baton.schedule.added", str(environment.ref), now, {"cron": new.cron, "tz": new.zone, "by": who})
    return _with(environment, [*others, new]), draft


def removed(environment: Environment, cron: str, who: str, now: datetime) -> tuple[Environment, Draft]:
    """The environment without those of an expression (empty: without any), and what the ledger says. Raises NoSchedule."""
    known, text = recurring(environment.facts), parse_cron(cron).text if cron else ""
    going = [r for r in known if not text or r.cron == text]
    if not going:
        what = f"no recurring teardown '{text}'" if text else "no recurring teardown"
        raise NoSchedule(f"{environment.ref} has {what}", hint="see what there is with: baton schedule ls")
    if any(r.by == BLUEPRINT for r in going):
        hint = "take `schedule` out of the blueprint and run `baton up` again"
        raise NoSchedule(f"the blueprint of {environment.ref} says this recurring teardown", hint=hint)
    data = {"removed": [{"cron": r.cron, "tz": r.zone} for r in going], "by": who}
    return _with(environment, [r for r in known if r not in going]), Draft(
        "baton.schedule.removed", str(environment.ref), now, data
    )


def as_blueprint_says(facts: Mapping[str, Any], cron: str, zone: str, now: datetime) -> dict[str, Any]:
    """The facts with the blueprint's one as it is said now (empty: none); the others stay. Said as before, it is as before."""
    known = recurring(facts)
    said = Recurring(parse_cron(cron).text, zone_of(zone).key, BLUEPRINT, now) if cron else None
    before = [r for r in known if r.by == BLUEPRINT and said and r.key == said.key]
    others = [r for r in known if r.by != BLUEPRINT and not (said and r.key == said.key)]
    return _facts(facts, [*others, *(before or [said] if said else [])])


def done(facts: Mapping[str, Any], due_at: datetime, now: datetime) -> dict[str, Any]:
    """The facts after a teardown: those whose time had come then are done, and how late they were is known."""
    known = recurring(facts)
    ended = [
        replace(r, since=now, done=now, late=now - due_at) if r.due(wanted_at(facts), now) == due_at else r
        for r in known
    ]
    return _facts(facts, ended)


def _with(environment: Environment, ones: Sequence[Recurring]) -> Environment:
    return replace(environment, facts=_facts(environment.facts, ones))


def _facts(facts: Mapping[str, Any], ones: Sequence[Recurring]) -> dict[str, Any]:
    others = {key: value for key, value in facts.items() if key != RECURRING}
    return others | ({RECURRING: [r.fact for r in ones]} if ones else {})
