"""Changing what an environment's facts say about its end: under its lock, with an entry in the ledger."""

from collections.abc import Callable
from datetime import UTC, datetime

from adapters import settings as settings_of
from baton import console, in_engine
from baton.naming import known_environment
from lifecycle.ends import ends, stands
from lifecycle.environment import Environment
from lifecycle.errors import BatonError, ExitCode
from lifecycle.holding import holding
from lifecycle.lease import Appointment, appointed
from lifecycle.ledger import Draft
from lifecycle.ports import Cancellation
from lifecycle.recurring import zone_of
from lifecycle.report.fields import lease_fields
from lifecycle.report.words import lease_text

Change = Callable[[Environment, datetime, str], tuple[Environment, Draft | list[Draft]]]
"""(environment, now, who asks) → the environment as it is to be, and what the ledger says."""


class BadTime(BatonError):
    """This is no time at which an environment can be taken down."""

    exit_code = ExitCode.USAGE


def changing(text: str, name: str, change: Change) -> Environment:
    """The environment after a change of its facts. Raises Locked while a run holds it, UnknownEnvironment."""
    from adapters.process.owner import current_owner
    from adapters.registry import open_store

    owner = current_owner()
    with open_store(settings_of.load()) as store:
        ref = known_environment(store, text, name)
        with holding(store, ref, owner, Cancellation()) as lock:
            known = store.environment(ref)
            assert known is not None
            changed, drafts = change(known, datetime.now(UTC), owner.person)
            store.transition(lock, changed, drafts if isinstance(drafts, list) else [drafts])
    return changed


def tell_shown(environment: Environment) -> None:
    """Have the engine show when an environment ends now, and say plainly where it does not."""
    words, ones = in_engine.show(settings_of.load(), [environment]), ends(environment, datetime.now(UTC))
    if words and ones and stands(environment):
        console.tell(f"{words}; `baton tick` takes {environment.ref} down all the same")


def tell_end(environment: Environment, *, as_json: bool) -> None:
    """Say when an environment is to end."""
    if as_json:
        console.emit("lease", environment=str(environment.ref), **lease_fields(environment))
        return
    for line in lease_text(environment, datetime.now(UTC)):
        console.out.print(line, markup=False)


def appoint(text: str, name: str, at: str, zone: str) -> Environment:
    """The environment with its end appointed, or with the appointment taken back (`never`). Raises BadTime, Locked."""
    when = None if at == "never" else appointed_time(at, zone, datetime.now(UTC))
    said = " ".join(word for word in (at, zone) if word)

    def change(environment: Environment, now: datetime, who: str) -> tuple[Environment, Draft]:
        return appointed(environment, Appointment(when, said, who, zone or "UTC") if when else None, now)

    return changing(text, name, change)


def appointed_time(text: str, zone: str, now: datetime) -> datetime:
    """`2026-12-01T18:00` in `Europe/Berlin` → that instant, UTC. Raises BadTime, BadZone.

    A time that the zone's clocks skip, or show twice, is refused: nobody can know which one was meant.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        hint = "write a date and a time in ISO 8601: 2026-12-01T18:00, or 2026-12-01T18:00+01:00"
        raise BadTime(f"'{text}' is no time", hint=hint) from None
    if "T" not in text and " " not in text:
        raise BadTime(f"'{text}' says no time of the day", hint=f"write {text}T18:00")
    if at.tzinfo is not None and zone:
        raise BadTime(f"'{text}' says its zone itself", hint="leave out --tz")
    if at.tzinfo is None:
        at = _in_zone(at, text, zone)
    if at <= now:
        raise BadTime(f"'{text}' is past", hint="to take it down now, leave out --at")
    return at.astimezone(UTC)


def _in_zone(at: datetime, text: str, zone: str) -> datetime:
    if not zone:
        raise BadTime(
            f"'{text}' says no zone", hint="name one with --tz, such as --tz Europe/Berlin, or end it with +01:00"
        )
    known = zone_of(zone)
    first, second = at.replace(tzinfo=known, fold=0), at.replace(tzinfo=known, fold=1)
    if first.utcoffset() != second.utcoffset():
        real = first.astimezone(UTC).astimezone(known).replace(tzinfo=None) == at
        why = "comes twice" if real else "never comes"
        raise BadTime(f"{text} {why} in {zone}: its clocks are changed then", hint=f"say which: {text}+01:00")
    return first
