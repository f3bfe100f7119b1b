"""One life of Baton: the real loop under its lock, from its first look to its end, wherever that comes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING

from adapters.fake.driving import ports_for
from adapters.fake.world import Instance
from lifecycle.desired import Desired
from lifecycle.environment import Environment, Phase
from lifecycle.holding import holding
from lifecycle.lock import LEASE, Lock, LostLock, Owner
from lifecycle.perform import Ended, perform
from lifecycle.ports import Cancellation, Cancelled, Ports, Run
from lifecycle.verification import Check, CheckResult
from tests.support.chaos.handle import Handle
from tests.support.chaos.turns import Part, Turns

if TYPE_CHECKING:
    from tests.support.chaos.place import Place

NEVER = timedelta(days=1)
BEAT = 7  # ends of steps between two heartbeats


class Killed(BaseException):
    """This process is gone. Not an Exception: nothing in it may catch its own end."""


class When(StrEnum):
    """What a moment is."""

    BEFORE = "before"  # a write is about to be committed
    TORN = "torn"  # a write is half made
    AFTER = "after"  # a write was committed, and its caller does not know it yet
    BEGIN = "begin"  # a tool is about to be started
    HALF = "half"  # a tool has done something, and not all of it
    END = "end"  # a tool has done everything, and nobody knows it yet


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in a life at which it may end."""

    index: int
    when: When
    what: str
    makes: bool = False  # whether a host has just come into existence

    def __str__(self) -> str:
        return f"{self.when} {self.what}"

    @property
    def idle(self) -> bool:
        """Whether neither a write nor a tool is in its middle, so that everything may stand still here."""
        return self.when in (When.BEFORE, When.BEGIN) and not self.what.startswith(("acquire", "discover"))


Script = Mapping[int, Callable[["Life", Moment, Instance | None], None]]
"""What happens to a life at which moment (by number)."""


class Life:
    """A process. `chance` decides the order of its steps, and what of its tools' work still happens when it is killed."""

    def __init__(self, place: "Place", desired: Desired, number: int, seed: int, script: Script) -> None:
        self.place, self.desired = place, desired
        self.owner = Owner("ada", "laptop:1", "boot", 100 + number, number)
        self.chance, self._script = Random(seed), script
        self.cancel = Cancellation()
        self.moments: list[Moment] = []
        self.passed: set[str] = set()  # checks that were looked at in this life, and were good
        self.dead = self.away = False
        self._allowed = 0  # moments that tools in flight still reach after the death
        self._lock: Lock | None = None
        self._turns = Turns(self.chance, self._beat, self._fate)

    def run(self) -> Ended:
        """Raises Killed, LostLock, Locked."""
        store = Handle(self.place.store, self)
        ref = self.desired.ref
        with holding(store, ref, self.owner, self.cancel, heartbeat=NEVER) as self._lock:
            now = self.place.clock.now()
            return perform(
                self.desired,
                self._ports(store),
                lambda _, act: act(),
                lock=self._lock,
                environment=store.environment(ref) or Environment(ref, Phase.NEW, now, now),
                cancel=self.cancel,
                lanes=lambda: self._turns,
            )

    def _ports(self, store: Handle) -> Ports:
        ports = ports_for(self.place.world)
        return replace(ports, store=store, clock=self.place.clock, prober=self, keep=self.place.kept.append)

    @property
    def holds_the_lock(self) -> bool:
        held = self.place.store.holder(self.desired.ref)
        return held is not None and held.owner == self.owner

    # --- what may happen to it

    def die(self) -> None:
        self.dead = True
        self.place.dead.add(self.owner)
        raise Killed

    def stand_aside(self, what: Callable[[], None]) -> None:
        """Be paused while something else happens. Its tools are not: they come to their end first."""
        self.away = True
        self._turns.end_what_is_begun()
        what()
        self.away = False

    # --- moments

    def before(self, what: str) -> None:
        self.at(When.BEFORE, what)

    def after(self, what: str) -> None:
        self.at(When.AFTER, what)

    def at(self, when: When, what: str, made: Instance | None = None) -> None:
        if self.dead:
            return self._out_of_time(when, made)
        if self.away:
            return None
        moment = Moment(len(self.moments), when, what, made is not None)
        self.moments.append(moment)
        if when in (When.HALF, When.END):
            self.place.somebody_acts(self, moment)
        if moment.index in self._script:
            self._script[moment.index](self, moment, made)
        if self.cancel.urgent and when is When.HALF:
            self.spoil(made)
            raise Cancelled("the tool was killed")
        if when is When.HALF:
            self._turns.pause()
            self._woken(made)
        return None

    def _woken(self, made: Instance | None) -> None:
        if self.dead:
            self._out_of_time(When.HALF, made)

    def spoil(self, made: Instance | None, *, how: str = "") -> None:
        """What happens to a host whose making is cut off: nothing, or it is in no state, or it is taken for broken."""
        if made is None:
            return
        how = how or self.chance.choice(["well", "leaked", "tainted"])
        made.known, made.tainted = how != "leaked", how == "tainted"

    def _out_of_time(self, when: When, made: Instance | None) -> None:
        if when in (When.HALF, When.END) and self._allowed > 0:
            self._allowed -= 1
            return
        self.spoil(made)
        raise Killed

    def lives(self) -> None:
        if self.dead:
            raise Killed

    def says(self, environment: Environment) -> None:
        if not self.dead:
            self.place.somebody_says(self, environment)

    def _beat(self) -> None:
        """What the heartbeat's thread does."""
        if len(self.moments) % BEAT or self._lock is None:
            return
        try:
            Handle(self.place.store, self).renew(self._lock, lease=LEASE)
        except LostLock:
            if not self.cancel.requested:
                self.cancel.request("the environment's lock was lost to another run")

    def _fate(self, part: Part) -> bool:
        """Whether a step that is in flight at the end goes on; a dead process' tools as far as chance lets them."""
        self._allowed = self.chance.choice([0, 1, 2, 9])
        return part.begun or not self.dead

    # --- ports.Prober

    def probe(self, check: Check, run: Run) -> CheckResult:
        self.at(When.BEGIN, f"probe {check.name}")
        if run.cancel.requested:
            raise Cancelled("the check was cancelled")
        passed = self.place.answers(check.name)
        if passed:
            self.passed.add(check.name)
        self.at(When.END, f"probe {check.name}")
        return CheckResult(check.name, passed, "it answers" if passed else "it does not answer")
