"""Events: what a run says while it works. Progress for people and programs, never a decision's input."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, for progress and logs.

    `type` is a dotted word that programs match on (`step.started`, `step.finished`,
    `resource.created`, `task.changed`, `host.seen` ...); `message` is for people; `step` is the
    step's key where there is one; `data` is JSON, already masked.
    """

    at: datetime
    type: str
    message: str
    step: str = ""
    level: Level = Level.INFO
    data: Mapping[str, Any] = field(default_factory=dict)


Say = Callable[..., None]
"""`say(type, message, level=..., **data)`: what an adapter is handed; step and time are filled in by the loop."""


def saying(sink: Callable[[Event], None], now: Callable[[], datetime], about: str = "") -> Say:
    """What is said beside the loop: of an environment by a verb that is no run, or of a run while its store is away."""

    def say(type: str, message: str, level: Level = Level.INFO, **data: Any) -> None:
        sink(Event(now(), type, message, about, level, data))

    return say
