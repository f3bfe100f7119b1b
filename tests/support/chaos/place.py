"""A place where lives of Baton follow one another: one world, one store, one clock; and what must be true of it."""

from collections import Counter
from collections.abc import Hashable, Iterator
from datetime import datetime, timedelta
from itertools import count

from adapters.fake.clock import FakeClock
from adapters.fake.driving import world_of_shop
from adapters.fake.store import FakeStore
from adapters.fake.world import FakeWorld, Instance
from lifecycle.certificate import Certificate, CertificateInvalid, checked
from lifecycle.desired import Desired, Goal
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.journal import Record
from lifecycle.ledger import Broken, verify
from lifecycle.lock import LEASE, Owner
from lifecycle.perform import Ended
from tests.support.chaos.life import Killed, Life, Moment, Script, When

DRAIN = "configure balance drain lb-1"
LOOKS = ("await", "probe")
_UNDISTURBED: Script = {}


def _when(record: Record) -> tuple[int, datetime]:
    return record.run, record.intended_at


class Ticking(FakeClock):
    """A clock on which no two things happen at one instant."""

    def now(self) -> datetime:
        self.advance(timedelta(milliseconds=1))
        return super().now()


class Place:
    """The shop, through all its lives. `broken_rules` names everything that must never happen and did."""

    def __init__(self, world: FakeWorld | None = None, before: "Place | None" = None) -> None:
        self.clock, self.dead, self.kept = Ticking(), set[Owner](), list[Certificate]()
        self.broken_rules: list[str] = []
        self.lives: list[Life] = []
        self._current: Life | None = None
        self._numbers = count(len(before.lives) if before else 0)
        self._ids = count(1)
        self.world = world or world_of_shop()
        empty = FakeStore()
        self.store: FakeStore = (before.store if before else empty).copy(
            now=self.clock.now, gone=self.dead.__contains__, ids=self._next_id
        )
        self.world.witness = self._tool_moment

    def copy(self) -> "Place":
        """Another place that stands where this one stands."""
        other = Place(self.world.copy(), self)
        other.clock.advance(self.clock.now() - other.clock.now())
        other.lives, other.kept = list(self.lives), list(self.kept)
        return other

    def live(self, desired: Desired, *, seed: int = 0, script: Script = _UNDISTURBED) -> Ended | None:
        """One process works towards a goal; None where it was killed. Raises LostLock, Locked."""
        files = self.world.fingerprints
        self.world.fingerprints = {c.playbook.name: c.fingerprint for c in desired.configure.values()}
        life = Life(self, desired, next(self._numbers), seed, script)
        self.lives.append(life)
        before, self._current = self._current, life
        try:
            return life.run()
        except Killed:
            return None
        finally:
            self._current, self.world.fingerprints = before, files

    def oversleep(self) -> None:
        """Time passes until no lock holds any more."""
        self.clock.advance(LEASE * 2)

    # --- what lives tell

    def _tool_moment(self, what: str, made: Instance | None) -> None:
        if self._current is not None:
            when = When.BEGIN if what.endswith("begin") else When.END if what.endswith("end") else When.HALF
            self._current.at(when, what, made)

    def _next_id(self) -> str:
        if self._current is not None:
            self._current.at(When.TORN, "ledger")
        return f"id-{next(self._ids)}"

    def somebody_acts(self, life: Life, moment: Moment) -> None:
        if moment.what.startswith(LOOKS):  # looking is not writing: who was overtaken may look until he notices
            return
        holder = self.store.holder(life.desired.ref)
        if holder is None or holder.owner != life.owner:
            self.broken_rules.append(f"{moment} while {holder.owner if holder else 'nobody'} holds the lock")
        if moment.what.startswith("apply front: host.web-3") and self._leaves_untold("web-3"):
            self.broken_rules.append("web-3 was destroyed and nobody was told")

    def _leaves_untold(self, name: str) -> bool:
        """Whether the last apply destroyed this host while a load balancer knew of it that had not been told.

        A teardown tells nobody; a load balancer knows of a host when it was configured after both were made.
        """
        log = self.world.log
        if f"destroy {name}" not in log or not any(i.name == "lb-1" for i in self.world.instances.values()):
            return False
        destroyed = _last(log, f"destroy {name}", len(log))
        begun = _last(log, "apply stack front", destroyed)
        if begun < _last(log, "destroy stack front", destroyed) or "create lb-1" in log[begun:destroyed]:
            return False
        both = max(_last(log, f"create {name}", begun), _last(log, "create lb-1", begun))
        from_the_beginning = not {f"create {name}", "create lb-1"} & set(log[:begun])
        knew = from_the_beginning or "configure balance lb-1" in log[both:begun]
        return knew and DRAIN not in log[both:begun]

    def somebody_says(self, life: Life, environment: Environment) -> None:
        if environment.phase is Phase.READY:
            wrong = [
                *self.wrong(life.desired),
                *(f"check {c} not passed" for c in life.desired.checks.keys() - life.passed),
            ]
            self.broken_rules += [f"ready was said, and {words}" for words in wrong]
        if environment.phase is Phase.DESTROYED and (self.world.instances or self.world.states):
            self.broken_rules.append("destroyed was said, and something is left")

    # --- what is true

    def answers(self, check: str) -> bool:
        """Whether a service answers: its hosts hold what they need, and know of one another."""
        hosts = {i.name: i for i in self.world.instances.values() if i.alive}
        if check == "db-answers":
            return "db-1" in hosts and isinstance(hosts["db-1"].holds.get("mysql"), tuple)
        known = hosts["lb-1"].holds.get("balance") if "lb-1" in hosts else None
        return isinstance(known, tuple) and all(
            name in hosts and isinstance(hosts[name].holds.get("app"), tuple) for name in known[1]["web"]
        )

    def wrong(self, desired: Desired) -> Iterator[str]:
        """How the world differs from what is desired, in words."""
        if desired.goal is Goal.DOWN:
            yield from (f"{i.name} ({i.id}) stands" for i in self.world.instances.values())
            yield from (f"the state of {name} is there" for name in self.world.states)
            return
        web = [f"web-{n + 1}" for n in range(desired.stacks["front"].variables["web"])]
        wanted = {"db-1": "mysql", "lb-1": "balance", **dict.fromkeys(web, "app")}
        names = Counter(i.name for i in self.world.instances.values())
        if names != Counter(wanted.keys()):
            yield f"there are {dict(names)} and not {list(wanted)}"
        for host in self.world.instances.values():
            if not (host.known and host.alive) or host.tainted:
                yield f"{host.name} ({host.id}): known {host.known}, alive {host.alive}, tainted {host.tainted}"
            step = wanted.get(host.name, "")
            if step and not self._holds(host, desired, step, web):
                yield f"{host.name} holds {host.holds}, last {host.configured[-1:]}"

    def _holds(self, host: Instance, desired: Desired, step: str, web: list[str]) -> bool:
        variables = {"mysql": {}, "app": {"db": "10.0.0.5"}, "balance": {"web": web}}[step]
        drained_last = host.configured[-1:] != [step]
        return host.holds.get(step) == (desired.configure[step].fingerprint, variables) and not drained_last

    def written(self, ref: EnvironmentRef) -> object:
        """Everything in the store."""
        store = self.store
        return store.environment(ref), store.holder(ref), store.journal(ref), store.hosts(ref), list(store.ledger(ref))

    def standing(self, ref: EnvironmentRef) -> Hashable:
        """All that a new process can know of what was before it: equal values, equal futures."""
        environment, world = self.store.environment(ref), self.world
        journal = self.store.journal(ref).records.values()
        known = (
            environment and (environment.phase, environment.message, str(environment.facts)),
            self.store.holder(ref) is None,
            tuple((r.kind, r.subject, r.input_digest, r.status) for r in sorted(journal, key=_when)),
            tuple((h.identity, h.name, h.stack, h.groups, h.connection) for h in self.store.hosts(ref)),
        )
        hosts = tuple(
            (i.id, i.name, i.key, i.alive, i.known, i.tainted, tuple(i.configured[-1:]), str(i.holds))
            for i in world.instances.values()
        )
        return known, hosts, str(world.states)

    def untidy(self, desired: Desired) -> Iterator[str]:
        """What a life that was over left lying about: locks, open intents, a broken chain, a wrong phase."""
        ref = desired.ref
        environment, journal, entries = (
            self.store.environment(ref),
            self.store.journal(ref),
            list(self.store.ledger(ref)),
        )
        if held := self.store.holder(ref):
            yield f"the lock is held by {held.owner}"
        yield from (f"the intent {r.kind}:{r.subject} of run {r.run} is open" for r in journal.unknown)
        if isinstance(broken := verify(entries), Broken):
            yield f"the ledger is broken at {broken.seq}: {broken.reason}"
        phase = Phase.DESTROYED if desired.goal is Goal.DOWN else Phase.READY
        if environment is None or environment.phase is not phase or environment.message:
            yield f"the environment is {environment and (environment.phase.value, environment.message)}"
        if desired.goal is Goal.DOWN:
            yield from self._uncertified(desired)
        elif {h.name for h in self.store.hosts(ref)} != {i.name for i in self.world.instances.values()}:
            yield f"the inventory has {[h.name for h in self.store.hosts(ref)]}"

    def _uncertified(self, desired: Desired) -> Iterator[str]:
        environment = self.store.environment(desired.ref)
        entries = list(self.store.ledger(desired.ref))
        try:
            checked(self.kept[-1].text, desired.ref, environment.run if environment else 0, entries)
        except (CertificateInvalid, IndexError) as error:
            yield f"destroyed without a certificate: {error}"
        if self.store.journal(desired.ref).records or list(self.store.hosts(desired.ref)):
            yield "journal or inventory of what is destroyed are still there"


def _last(log: list[str], line: str, end: int) -> int:
    """Where a line stands last before `end`; 0 where it does not."""
    return max((number for number, one in enumerate(log[:end]) if one == line), default=0)
