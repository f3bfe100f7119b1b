"""One environment from nothing to nothing, killed again and again on the way; after every phase it must be as if nobody had."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.chaos.real.command import Command
from tests.chaos.real.ground import BATON, ROOT, Ground
from tests.chaos.real.kills import Kill, Trace
from tests.chaos.real.kills import point as point_of
from tests.chaos.real.processes import Farewell
from tests.chaos.real.truth import End, Wanted, compared, looked_at

BLUEPRINT = ROOT / "tests" / "chaos" / "real" / "blueprint"
CHILDREN = 60.0
"""Seconds within which everything of a killed run is gone: Terraform lets a fresh apply settle for six and may take twenty to stop."""
LONGEST = 300.0
"""Seconds after which a command hangs."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A command, and what it must come to. No members: everything is to go."""

    name: str
    members: int
    word: str

    @property
    def wanted(self) -> Wanted:
        names = ("leader-1", *(f"member-{n}" for n in range(1, self.members + 1))) if self.members else ()
        return Wanted(frozenset(names), self.word)

    def words(self, environment: str) -> tuple[str, ...]:
        if not self.members:
            return ("down", f"chaos/{environment}", "--json")
        inputs = ("--input", f"members={self.members}", "--input", f"word={self.word}")
        return ("up", str(BLUEPRINT), "--env", environment, "--json", *inputs)


PHASES: Final = (
    Phase("up", 2, "one"),
    Phase("more", 3, "one"),
    Phase("word", 3, "two"),
    Phase("less", 2, "two"),
    Phase("down", 0, ""),
)


@dataclass
class Hit:
    """A kill that was delivered, and what came of it."""

    lifetime: int
    phase: str
    kill: Kill
    who: str
    at: float  # seconds from the command's start
    code: int | None = None
    ended: float = 0.0  # seconds from the kill until the command had ended
    gone: float = 0.0  # seconds from the command's end until its last descendant had
    faults: list[str] = field(default_factory=list)


@dataclass
class Lived:
    """What became of a lifetime. `faults` are told by the phase in which they were seen."""

    number: int
    kills: dict[str, tuple[Kill, ...]] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    traces: dict[str, Trace] = field(default_factory=dict)
    ends: dict[str, End] = field(default_factory=dict)
    finals: dict[str, float] = field(default_factory=dict)  # phase → seconds of the command that came through
    log: list[str] = field(default_factory=list)


class Undisturbed:
    """What a lifetime that nobody kills has shown so far; others wait for the phase that they have come to."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Trace, End]] = {}
        self._news = threading.Condition()
        self._over = False

    def learn(self, phase: str, trace: Trace, end: End) -> None:
        with self._news:
            self._known[phase] = (trace, end)
            self._news.notify_all()

    def over(self) -> None:
        """Nothing more is learned."""
        with self._news:
            self._over = True
            self._news.notify_all()

    def phase(self, name: str) -> tuple[Trace, End] | None:
        """None where it has not come through this phase, and will not."""
        with self._news:
            self._news.wait_for(lambda: self._over or name in self._known)
            return self._known.get(name)


class Lifetime:
    """Runs the phases. `dealt` says whom to kill in a phase, `learned` the undisturbed ends; `until` (monotonic) ends the killing.

    `heard` is told of every kill once it is known what came of it.
    """

    def __init__(
        self,
        ground: Ground,
        number: int,
        dealt: Callable[[str], tuple[Kill, ...]] = lambda _: (),
        learned: Undisturbed | None = None,
        until: float = float("inf"),
        heard: Callable[[Hit], None] = lambda _: None,
    ) -> None:
        self._ground, self._dealt, self._learned, self._until = ground, dealt, learned, until
        self._environment, self._heard = f"l{number}", heard
        self.lived = Lived(number)
        self._whole: dict[str, str] = {}  # id → name of every host that was seen configured
        self._farewells: list[tuple[Hit, Farewell]] = []

    @property
    def tag(self) -> tuple[str, str]:
        return "baton:environment", f"chaos/{self._environment}"

    def live(self, phases: tuple[Phase, ...] = PHASES, *, told: Undisturbed | None = None) -> Lived:
        """What is wrong is in `faults`. After a phase that did not come to its end, or
        when the time is over, only `down` is left. `told` learns what it shows."""
        broken = False
        for phase in phases:
            late = time.monotonic() > self._until and phase is not phases[0]
            if (broken or late) and phase.members:
                continue
            broken = not self._through(phase) or broken
            if told and not broken:
                told.learn(phase.name, self.lived.traces[phase.name], self.lived.ends[phase.name])
        if told:
            told.over()
        return self.lived

    def _through(self, phase: Phase) -> bool:
        """Kill the phase's command as often as asked, then let it come through, and look. Whether it came through."""
        over = False
        kills = self.lived.kills[phase.name] = self._dealt(phase.name)
        for number, kill in enumerate(kills):
            if over or time.monotonic() > self._until:
                break
            over = self._disturbed(phase, kill, patient=number % 2 == 1)
        command = None if over else self._command(phase)
        code = 0 if command is None else command.ended(LONGEST)
        self._last_farewells(phase)
        if command is not None:
            self.lived.traces[phase.name], self.lived.finals[phase.name] = command.trace, command.trace.seconds
            if code != 0:
                how = f"ended with {code}" if code is not None else "hangs"
                self._fault(phase, f"run again it {how}: {command.last_words}")
        if code == 0:
            self._look(phase)
        return code == 0

    def _disturbed(self, phase: Phase, kill: Kill, *, patient: bool) -> bool:
        """One command, killed. Whether it came to its end all the same. `patient`: the next one waits for the last child."""
        command = self._command(phase)
        who = command.killed(kill, LONGEST)
        hit = Hit(self.lived.number, phase.name, kill, who, command.seconds)
        if who:
            self.lived.hits.append(hit)
        hit.code = command.ended(command.seconds + LONGEST)
        hit.ended = command.seconds - hit.at
        if hit.code is None:
            hit.faults.append(f"{phase.name}: the killed command hangs: {command.last_words}")
        farewell = Farewell(command.mark, CHILDREN)
        self._farewells.append((hit, farewell))
        self._whole |= self._ground.whole(*self.tag)
        if patient:
            farewell.wait()
        self.lived.log.append(f"{phase.name} {kill} {who or 'missed'} exit {hit.code}: {command.last_words[:300]}")
        return hit.code == 0

    def _command(self, phase: Phase) -> Command:
        return Command([BATON, *phase.words(self._environment)], ROOT, self._ground.environ, _pointed)

    def _last_farewells(self, phase: Phase) -> None:
        for hit, farewell in self._farewells:
            farewell.wait()
            hit.gone = farewell.seconds
            if farewell.left:
                names = "; ".join(map(str, farewell.left))
                hit.faults.append(f"{phase.name}: still there after {CHILDREN:.0f} s: {names}")
            if hit.who:
                self._heard(hit)
        self._farewells.clear()

    def _look(self, phase: Phase) -> None:
        end = looked_at(self._ground, self._environment, self.tag, phase.wanted, self._whole)
        self.lived.ends[phase.name] = end
        known = self._learned.phase(phase.name) if self._learned else None
        for fault in compared(end, known[1] if known else end, phase.wanted):
            self._fault(phase, fault)
        if phase.members:
            self._whole |= {one: name for one, name in end.hosts.items() if name in phase.wanted.names}
            self._whole = {one: name for one, name in self._whole.items() if name in phase.wanted.names}
        if phase.name == "less":
            self._again(phase)

    def _again(self, phase: Phase) -> None:
        """A second run must find nothing to do."""
        command = self._command(phase)
        code = command.ended(LONGEST)
        acted = [
            p
            for p in command.points
            if p.startswith(tuple(f"step.started:{k}" for k in ("apply", "configure", "drain")))
        ]
        changed = any(one.get("changed") for one in command.said if one["type"] == "result")
        if code != 0 or acted or changed:
            self._fault(phase, f"a second run is not a no-op: exit {code}, {', '.join(acted) or 'changed'}")

    def _fault(self, phase: Phase, words: str) -> None:
        self.lived.faults.append(f"{phase.name}: {words}")


def _pointed(line: str) -> str:
    if not line.startswith("{"):
        return ""
    try:
        return point_of(json.loads(line))
    except ValueError:
        return ""
