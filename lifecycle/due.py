"""What a tick has to do about an environment: its time has come, or a run ended without reaching its end. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from lifecycle.desired import Goal
from lifecycle.ends import lateness, over
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.phases import FAILED_TEARDOWNS, INTERRUPTED, RESUMED, TEARDOWNS
from lifecycle.revision import CLEANUP, READY, REVISION, OnFailure

LIMIT: Final = 10
"""Environments that one tick works on at most: the next one comes soon."""
RESUMES: Final = 3
"""How often in a row a run that died is resumed without having ended. Then a person has to look."""
QUARANTINE: Final = timedelta(minutes=15)
"""How long a quarantined teardown rests before it is tried again; twice as long after every further failure."""
LONGEST_QUARANTINE: Final = timedelta(hours=6)

_WORKING = frozenset({Phase.PLANNING, Phase.PROVISIONING, Phase.CONFIGURING, Phase.VERIFYING})
_GONE = frozenset({Phase.NEW, Phase.DESTROYED})


@dataclass(frozen=True, slots=True)
class Due:
    """One thing to do: which goal, for which revision (0: the one that the blueprint's path leads to), why, since when."""

    ref: EnvironmentRef
    goal: Goal
    revision: int
    because: str
    since: datetime
    resumes: bool = False  # goes on with a run that died
    ended: bool = False  # its time has come


@dataclass(slots=True)
class Ticked:
    """What a tick came to: sentences, by what became of it."""

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)  # to the next tick, or to others

    @property
    def words(self) -> str:
        """All of it in one line."""
        return "; ".join([*self.done, *self.failed, *self.left]) or "nothing is due"


def due(environment: Environment, now: datetime) -> Due | None:
    """What is to be done about an environment that nobody works on; None: nothing now."""
    if environment.phase in _GONE:
        return None
    return _ended(environment, now) or _cleanup(environment) or _unfinished(environment, now)


def in_turn(found: Iterable[Due], limit: int) -> Sequence[Due]:
    """The first so many, those that have waited longest first: none is left out for ever."""
    return sorted(found, key=lambda one: (one.since, one.ref))[:limit]


def _ended(environment: Environment, now: datetime) -> Due | None:
    """An environment whose time is over. A teardown that failed rests before it is tried again all the same."""
    ended = over(environment, now)
    if not ended or not _rested(environment, now):
        return None
    at, why = ended[0].at, ended[0].why
    because = f"{why} at {at:%Y-%m-%d %H:%M} UTC{lateness(at, now)}"
    return replace(_down(environment, because, at), ended=True)


def _cleanup(environment: Environment) -> Due | None:
    """A run that failed, and died before it had cleaned up."""
    wanted = environment.facts.get(CLEANUP)
    if environment.phase is not Phase.FAILED or wanted is None:
        return None
    if wanted == OnFailure.DESTROY:
        return _down(environment, "its creation failed (on_failure: destroy)", environment.updated_at)
    revision = int(environment.facts[READY][-1])
    because = f"run {environment.run} failed (on_failure: rollback)"
    return Due(environment.ref, Goal.UP, revision, because, environment.updated_at)


def _unfinished(environment: Environment, now: datetime) -> Due | None:
    """A run that died, or a teardown that left something. One that was asked to stop is left to who asked."""
    facts = environment.facts
    if INTERRUPTED in facts:
        return None
    if environment.phase in (Phase.TEARING_DOWN, Phase.QUARANTINED):
        if not _rested(environment, now):
            return None
        return _down(environment, f"run {environment.run} left something", environment.updated_at)
    if environment.phase in _WORKING and int(facts.get(RESUMED, 0)) < RESUMES:
        because = f"run {environment.run} ended without saying how"
        revision = int(facts.get(REVISION, 0))
        return Due(environment.ref, Goal.UP, revision, because, environment.updated_at, resumes=True)
    return None


def _down(environment: Environment, because: str, since: datetime) -> Due:
    return Due(environment.ref, Goal.DOWN, int(environment.facts.get(REVISION, 0)), because, since)


def _rested(environment: Environment, now: datetime) -> bool:
    """Whether a teardown may be tried: at once until it is quarantined, then after a rest that grows."""
    failed = int(environment.facts.get(FAILED_TEARDOWNS, 0))
    if failed < TEARDOWNS:
        return True
    rest = min(QUARANTINE * int(2 ** min(failed - TEARDOWNS, 10)), LONGEST_QUARANTINE)
    return now - environment.updated_at >= rest
