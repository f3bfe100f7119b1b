"""What is due, done: shared by the tick, and by a run that was scheduled for an environment's end."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.registry import Registry
from flows.request import Request
from flows.telling import tell
from lifecycle.due import Due, due
from lifecycle.ends import told_late
from lifecycle.environment import INPUTS, Environment
from lifecycle.errors import BatonError
from lifecycle.events import Event, Level
from lifecycle.lock import Lock
from lifecycle.ports import EventSink

First = Callable[[Registry, Lock, EventSink], None]
"""What is looked at once the environment's lock is held, before anything is done. Raises what keeps the run from it."""


class NotDue(BatonError):
    """What was due is not any more: somebody did it, or changed their mind."""


def request_for(one: Due, environment: Environment, registry: Registry, wait: float = 0) -> Request:
    """What to ask for: the revision, whose files the store has; else what the blueprint's path leads to now."""
    kept = {r.number for r in registry.store.revisions(one.ref) if r.files}
    known = one.revision in kept
    return Request(
        blueprint=one.ref.blueprint if known else environment.blueprint_path,
        environment=one.ref.name,
        revision=one.revision if known else None,
        inputs={} if known else environment.facts.get(INPUTS, {}),
        because=one.because,
        resumes=one.resumes,
        unasked=True,
        due_at=one.since if one.ended else None,
        wait=wait,
    )


def still_due(one: Due) -> First:
    """Under the lock: whether it is still to be done, as others may have been here; and that it is late, once."""

    def look(registry: Registry, lock: Lock, sink: EventSink) -> None:
        now = registry.clock.now()
        known = registry.store.environment(one.ref)
        again = due(known, now) if known else None
        if known is None or again is None or (again.goal, again.ended) != (one.goal, one.ended):
            how = f"is {known.phase.label}" if known else "is not known any more"
            raise NotDue(f"{one.goal} {one.ref} is not due any more: it {how}")
        if one.ended and (told := told_late(known, now)) is not None:
            environment, draft = told
            registry.store.transition(lock, environment, [draft])
            words = f"{one.ref} is taken down {draft.data['late']} late: {draft.data['why']} at {draft.data['due']}"
            data = {"environment": str(one.ref), **draft.data}
            say("teardown.late", words, sink, data)
            tell("teardown.late", one.ref, message=words, late=draft.data["late"], due=draft.data["due"])

    return look


def say(type: str, words: str, sink: EventSink, data: Mapping[str, Any]) -> None:
    """A warning about an environment, for people and for logs."""
    sink(Event(datetime.now(UTC), type, words, level=Level.WARNING, data=data))
