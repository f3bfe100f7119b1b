"""Accepting what is asked for: it is kept as a revision, its lease begins, and the environment's facts say so."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.parts import Reach, gathered
from adapters.revisions import Collected, TooLarge
from flows.place import Place
from flows.request import Request
from flows.session import Session
from lifecycle.digest import digest
from lifecycle.environment import INPUTS, Environment
from lifecycle.events import Event, Level
from lifecycle.lease import LEASE, LIMIT, Lease, granted, limit_of, limited
from lifecycle.ledger import Draft
from lifecycle.lock import Lock
from lifecycle.phases import RESUMED
from lifecycle.recurring import WANTED, as_blueprint_says
from lifecycle.revision import FROM_STORE, READY, REVISION, Revision, accepted, changed, differences, outdated, revision


def accept(place: Place, request: Request, session: Session, lock: Lock) -> Environment:
    """The environment as an `up` begins it. Kept before anything is made, so that whoever goes on after a kill has it all."""
    now = session.ports.clock.now()
    number = _revision(place, session, lock, now)
    return replace(session.environment, facts=_facts(session.environment.facts, place, request, number, now))


def _facts(known: Mapping[str, Any], place: Place, request: Request, number: int, now: datetime) -> dict[str, Any]:
    wanted = place.blueprint.lease
    limit = limit_of(known, request.lease_limit)
    ttl, warn = limited(wanted.ttl if wanted else None, wanted.warn if wanted else (), limit)
    lease = granted(Lease.of(known), ttl, warn, now)
    facts = {key: value for key, value in known.items() if key not in (LEASE, RESUMED, FROM_STORE)}
    facts |= {INPUTS: dict(place.inputs), REVISION: number}
    if lease is not None:
        facts[LEASE] = lease.fact
    if limit is not None:
        facts[LIMIT] = limit.total_seconds()
    if not request.unasked:
        facts[WANTED] = now.isoformat()
    teardown = place.blueprint.schedule.teardown if place.blueprint.schedule else None
    facts = as_blueprint_says(facts, teardown.cron if teardown else "", teardown.tz if teardown else "", now)
    if place.revision is not None and (FROM_STORE in known or not request.resumes):
        facts[FROM_STORE] = True
    if request.resumes:
        facts[RESUMED] = int(known.get(RESUMED, 0)) + 1
    return facts


def _revision(place: Place, session: Session, lock: Lock, now: datetime) -> int:
    """The number of the revision; a new one is kept first."""
    parts = _parts(place, session)
    if place.revision is not None:
        for words in differences(place.revision, parts):
            _say(
                "revision.incomplete",
                f"{words} uses something outside of the blueprint's folder that is not what it was in revision "
                f"{place.revision.number}: it is applied as it is now",
                session,
            )
        return place.revision.number
    store, ref = session.ports.store, place.ref
    collected = _collected(place, session)
    new = revision(
        at=now,
        by=lock.owner.person,
        blueprint=collected.blueprint,
        inputs=place.inputs,
        parts=parts,
        files=collected.files,
        source=place.source,
    )
    known = store.revisions(ref)
    one = accepted(known, new)
    if one.number not in {r.number for r in known}:
        store.keep_revision(lock, one, collected.contents, [_draft(one, known[-1] if known else None, place, now)])
        if old := outdated([*known, one], session.environment.facts.get(READY, ())):
            store.drop_files(lock, old)
    return one.number


def _draft(one: Revision, before: Revision | None, place: Place, now: datetime) -> Draft:
    data = {
        "revision": one.number,
        "digest": one.digest,
        "by": one.by,
        "parts": dict(one.parts),
        "changed": changed(before, one),
        **({"source": place.source} if place.source else {}),
    }
    return Draft("baton.revision.accepted", str(place.ref), now, data)


def _parts(place: Place, session: Session) -> dict[str, str]:
    """Digests of what decides about the outcome, by the names that people give it. They are told, so they are keyed."""
    desired = session.desired
    parts = {
        "blueprint": place.path.read_text(encoding="utf-8"),
        **{f"stack {s.name}": s.fingerprint for s in desired.stacks.values()},
        **{f"configure {c.name}": c.fingerprint for c in desired.configure.values()},
    }
    return {name: digest(value, desired.key) for name, value in parts.items()}


def _collected(place: Place, session: Session) -> Collected:
    """The revision's files. Where they cannot be kept that is said, and the run goes on."""
    reach = Reach(session.ports.provisioner.files, session.ports.configurator.files)
    try:
        return gathered(place.path, place.blueprint, reach, place.origin.parent)
    except (TooLarge, OSError) as error:
        words = f"this revision's files are not kept, so that nobody can go back to it from the store: {error}"
        _say("revision.incomplete", words, session)
        return Collected(place.path.name)


def _say(type: str, words: str, session: Session) -> None:
    session.ports.sink(Event(session.ports.clock.now(), type, words, level=Level.WARNING))
