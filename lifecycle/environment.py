"""Environments and their phases. `transition` is the only writer of a phase."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from lifecycle.errors import BatonError, ExitCode
from lifecycle.ledger import Draft


class Phase(StrEnum):
    """Where an environment stands."""

    NEW = "new"  # known, nothing made yet
    PLANNING = "planning"
    PROVISIONING = "provisioning"
    CONFIGURING = "configuring"
    VERIFYING = "verifying"
    WAITING = "waiting"  # for an approval; nobody works on it
    READY = "ready"
    FAILED = "failed"  # a step failed; what stands, stands
    TEARING_DOWN = "tearing_down"
    QUARANTINED = "quarantined"  # a teardown that gave up for now
    DESTROYED = "destroyed"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ")


_WORK = (Phase.PLANNING, Phase.PROVISIONING, Phase.CONFIGURING, Phase.VERIFYING)
_END = (Phase.READY, Phase.FAILED, Phase.WAITING)

EDGES: Mapping[Phase, frozenset[Phase]] = {
    Phase.NEW: frozenset({Phase.PLANNING, Phase.TEARING_DOWN, Phase.FAILED}),
    # Work may fall back (a replaced host is configured again) and may be interrupted and started over.
    **{phase: frozenset({*_WORK, *_END, Phase.TEARING_DOWN}) - {phase} for phase in _WORK},
    Phase.WAITING: frozenset({*_WORK, Phase.FAILED, Phase.TEARING_DOWN}),
    Phase.READY: frozenset({*_WORK, Phase.FAILED, Phase.TEARING_DOWN}),
    Phase.FAILED: frozenset({*_WORK, Phase.READY, Phase.TEARING_DOWN}),
    Phase.TEARING_DOWN: frozenset({Phase.DESTROYED, Phase.QUARANTINED, Phase.PLANNING}),
    Phase.QUARANTINED: frozenset({Phase.TEARING_DOWN, Phase.PLANNING}),
    Phase.DESTROYED: frozenset({Phase.PLANNING, Phase.TEARING_DOWN}),
}
"""Every allowed change of phase. Read it as the mechanism's picture."""


class ForbiddenTransition(BatonError):
    """An environment cannot go from this phase to that one."""


class BadName(BatonError):
    """This cannot be the name of an environment."""

    exit_code = ExitCode.USAGE


NAME: Final = r"[a-z][a-z0-9-]{0,30}"
"""What the name of an environment looks like: it becomes part of resources' names."""


def checked_name(name: str) -> str:
    """The name, if it can be one. Raises BadName."""
    if re.fullmatch(NAME, name) is None:
        hint = "small letters, digits and dashes, a letter first, at most 31 characters, e.g. dev or review-42"
        raise BadName(f"'{name}' cannot be the name of an environment", hint=hint)
    return name


@dataclass(frozen=True, slots=True, order=True)
class EnvironmentRef:
    """The name of an environment: `<blueprint>/<name>`."""

    blueprint: str
    name: str

    def __str__(self) -> str:
        return f"{self.blueprint}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> "EnvironmentRef":
        """Read `shop/dev`. Raises BadName with what was expected."""
        blueprint, slash, name = text.partition("/")
        if not (slash and blueprint and name) or "/" in name:
            raise BadName(f"'{text}' is not an environment", hint="write it as <blueprint>/<name>, e.g. shop/dev")
        return cls(blueprint, name)


INPUTS: Final = "inputs"
"""Among an environment's facts: what its last `up` was given by name, never a secret, so that it can be said again."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One named instance of a blueprint, as the store keeps it."""

    ref: EnvironmentRef
    phase: Phase
    created_at: datetime
    updated_at: datetime
    message: str = ""  # why it stands where it stands, for people
    blueprint_path: str = ""  # where the blueprint was read last
    cloud: str = ""  # which cloud it lives in; another one is refused
    run: int = 0  # number of the last run
    facts: Mapping[str, Any] = field(default_factory=dict)


def transition(
    environment: Environment, phase: Phase, *, at: datetime, message: str = "", data: Mapping[str, Any] | None = None
) -> tuple[Environment, Draft]:
    """The environment in its new phase, and the ledger entry that must be written with it.

    Raises ForbiddenTransition where EDGES has no such edge; standing still is no transition.
    """
    if phase not in EDGES[environment.phase]:
        raise ForbiddenTransition(
            f"{environment.ref} is {environment.phase.label} and cannot become {phase.label}",
            hint=f"allowed from here: {', '.join(sorted(p.label for p in EDGES[environment.phase]))}",
        )
    changed = replace(environment, phase=phase, updated_at=at, message=message)
    draft = Draft(
        type="baton.environment.phase",
        subject=str(environment.ref),
        at=at,
        data={"from": environment.phase.value, "to": phase.value, "message": message, "run": environment.run}
        | dict(data or {}),
    )
    return changed, draft
