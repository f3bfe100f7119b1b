"""What is killed, when and how: values, their text, and a draw by chance that a seed repeats. Pure.

The text of a kill is `POINT+SECONDS/TARGET/SIGNAL`, and `@SECONDS/TARGET/SIGNAL` for an instant counted from the command's
start; of a lifetime's kills `PHASE=KILL,KILL PHASE=KILL`.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Target(StrEnum):
    """Who gets the signal."""

    RUN = "run"  # the process that runs the flow, and nobody else
    TOOL = "tool"  # terraform or ansible-playbook
    SUPERVISOR = "supervisor"  # what holds a tool
    ALL = "all"  # every process of the run at once, as a power cut or a container's end does


class Way(StrEnum):
    """What it gets."""

    KILL = "KILL"
    TERM = "TERM"
    INT = "INT"
    INT_TWICE = "INT-INT"  # a second apart: stop, and now fast
    TERM_KILL = "TERM-KILL"  # three seconds apart: a manager of processes with little patience


WAYS: Mapping[Target, tuple[Way, ...]] = {
    Target.RUN: (Way.KILL, Way.KILL, Way.KILL, Way.TERM, Way.INT, Way.INT_TWICE, Way.TERM_KILL),
    Target.TOOL: (Way.KILL, Way.KILL, Way.TERM, Way.INT),
    Target.SUPERVISOR: (Way.KILL, Way.TERM),
    Target.ALL: (Way.KILL, Way.KILL, Way.TERM),
}
"""How each target is killed; what stands more than once is tried more often."""
SPREAD = 1.5
"""Seconds within which a kill follows its event, at most."""
INSTANTS = 0.5
"""The part of the kills that comes at a random instant, whatever is going on."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Seconds after the first event of a kind; after the command's start where no kind is given."""

    point: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.point}+{self.seconds:.1f}" if self.point else f"@{self.seconds:.1f}"

    @classmethod
    def parse(cls, text: str) -> "Moment":
        point, _, seconds = text.rpartition("@" if text.startswith("@") else "+")
        return cls(point, float(seconds))


@dataclass(frozen=True, slots=True)
class Kill:
    moment: Moment
    target: Target
    way: Way

    def __str__(self) -> str:
        return f"{self.moment}/{self.target}/{self.way}"

    @classmethod
    def parse(cls, text: str) -> "Kill":
        moment, target, way = text.rsplit("/", 2)
        return cls(Moment.parse(moment), Target(target), Way(way))


@dataclass(frozen=True, slots=True)
class Trace:
    """An undisturbed command: the first event of each kind with its second, in order, and how long it took."""

    points: Mapping[str, float]
    seconds: float


Kills = Mapping[str, tuple[Kill, ...]]
"""Phase → its kills, in the order of their moments."""


def written(kills: Kills) -> str:
    return " ".join(f"{phase}={','.join(map(str, some))}" for phase, some in kills.items() if some)


def read(text: str) -> Kills:
    """The kills that `written` wrote."""
    parts = (part.partition("=") for part in text.split())
    return {phase: tuple(map(Kill.parse, some.split(","))) for phase, _, some in parts}


def point(event: Mapping[str, Any]) -> str:
    """The kind of an event, told apart by step and resource type, not by host; empty for what is no moment of its own."""
    what = str(event.get("type", ""))
    kind, _, subject = str(event.get("step", "")).partition(":")
    if "at" not in event or what.endswith((".progress", ".warning")):
        return ""
    if what.startswith("step."):
        return f"{what}:{kind}" if kind in ("await", "prove") else f"{what}:{kind}:{subject.partition('@')[0]}"
    if what.startswith("resource."):
        return f"{what}:{event.get('resource_type') or 'any'}"
    if what.startswith("task."):
        return f"{what}:{event.get('task', '')}".replace(" ", "_")
    return f"{what}:{event['phase']}" if what == "environment.phase" else what


class Chance:
    """Deals kills, so that every kind of event and every way comes up before one comes again.

    What a lifetime gets in a phase depends on the seed, its number and the phase's trace alone: it may be asked for in any order.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        ways = [(target, way) for target, some in WAYS.items() for way in some]
        self._ways = random.Random(seed).sample(ways, len(ways))

    def kills(self, lifetime: int, phase: str, trace: Trace, count: int) -> tuple[Kill, ...]:
        """In the order of their moments. Lifetimes are numbered from 1."""
        points = random.Random(f"{self._seed} {phase}").sample(sorted(trace.points), len(trace.points))
        chance = random.Random(f"{self._seed} {phase} {lifetime}")
        offset = chance.randrange(len(self._ways))
        drawn = []
        for number in range(count):
            target, way = self._ways[(offset + number) % len(self._ways)]
            moment = Moment(points[((lifetime - 1) * count + number) % len(points)], _soon(chance))
            if chance.random() < INSTANTS:
                # most of them early: the run that goes on after a kill begins anew, and is looked at hard there
                moment = Moment("", round(0.3 + (trace.seconds - 0.3) * chance.random() ** 2, 1))
            drawn.append(Kill(moment, target, way))
        return tuple(sorted(drawn, key=lambda k: trace.points.get(k.moment.point, 0.0) + k.moment.seconds))


def _soon(chance: random.Random) -> float:
    return round(chance.choice((0.0, chance.uniform(0, SPREAD))), 1)
