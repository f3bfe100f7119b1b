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


type_of_sink = Callable[[Event], None]
Say = Callable[..., None]
"""`say(type, message, level=..., **data)`: what an adapter is handed; step and time are filled in by the loop."""
