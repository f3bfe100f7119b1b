"""Faults that pass are outlived, and those that do not are named: what is tried again, how often, and what is never done twice."""

import errno
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.fake.clock import FakeClock
from adapters.fake.driving import ports_for, shop, world_of_shop
from adapters.fake.provisioner import FakeProvisioner
from adapters.fake.store import FakeStore
from adapters.fake.world import FakeWorld
from flows.verbs import RunFailed
from lifecycle.applying import grown
from lifecycle.configuration import Configured, HostResult, HostStatus
from lifecycle.desired import Goal
from lifecycle.environment import Environment, Phase
from lifecycle.errors import BatonError, DiskFull, ExitCode, Trouble, of_system
from lifecycle.events import Event
from lifecycle.inventory import Connection, Host
from lifecycle.lock import LEASE, Lock, Owner
from lifecycle.perform import Ended, perform
from lifecycle.plan import Action, Applied, Plan, ResourceChange
from lifecycle.playing import AGAIN, cut_off
from lifecycle.ports import Cancellation, Ports, Run, StackSpec
from lifecycle.retries import STORE, Backoff, insist

ME = Owner("ada", "laptop:1", "boot", 42, 1)


class Stage:
    """The shop in a world where things go wrong, and everything that was said."""

    def __init__(self) -> None:
        self.world: FakeWorld = world_of_shop()
        self.events: list[Event] = []
        self.web = 2
        self.ports: Ports = replace(ports_for(self.world), sink=self.events.append)

    def up(self, *, goal: Goal = Goal.UP, cancel: Cancellation | None = None) -> Ended:
        desired, store, now = shop(goal=goal, web=self.web), self.ports.store, self.ports.clock.now()
        lock = store.acquire(desired.ref, ME, lease=LEASE)
        try:
            return perform(
                desired,
                self.ports,
                lambda _, act: act(),
                lock=lock,
                environment=store.environment(desired.ref) or Environment(desired.ref, Phase.NEW, now, now),
                cancel=cancel or Cancellation(),
            )
        finally:
            store.release(lock)

    @property
    def retried(self) -> list[tuple[str, str]]:
        """(step, why) of everything that was tried again."""
        return [(e.step.partition("@")[0], str(e.data["trouble"])) for e in self.events if e.type == "step.retried"]


@pytest.mark.parametrize("what", ["plan data", "apply data"])
def test_a_cloud_that_does_not_answer_for_a_moment_is_asked_again(what: str) -> None:
    stage = Stage()
    stage.world.passing[what] = 2
    assert stage.up().environment.phase is Phase.READY
    assert stage.retried == [(what.replace(" ", ":"), "unreachable")] * 2


@pytest.mark.parametrize("what", ["plan data", "apply data"])
def test_patience_has_an_end_and_the_next_run_goes_on(what: str) -> None:
    stage = Stage()
    stage.world.passing[what] = stage.ports.backoff.attempts
    failed = stage.up()
    assert failed.environment.phase is Phase.FAILED
    assert f"{what}: the cloud did not answer" in failed.environment.message
    assert stage.up().environment.phase is Phase.READY
    assert stage.world.done["create db-1"] == 1


def test_what_was_made_without_an_answer_is_taken_over_and_not_made_again() -> None:
    stage = Stage()
    stage.world.passing["apply front"] = 1
    assert stage.up().complete
    assert [stage.world.done[f"create {name}"] for name in ("lb-1", "web-1", "web-2")] == [1, 1, 1]
    assert [e.step for e in stage.events if e.type == "stack.adopting"] == ["apply:front"]


def test_an_apply_that_the_provider_refused_is_not_tried_again() -> None:
    stage = Stage()
    stage.world.broken.add("apply data")
    assert stage.up().environment.phase is Phase.FAILED
    assert stage.retried == []


def test_an_apply_that_is_tried_again_does_no_more_than_was_planned() -> None:
    class Widening(FakeProvisioner):
        """Whose second plan would also destroy something."""

        applies = 0

        def plan(self, stack: StackSpec, run: Run, *, destroy: bool = False) -> Plan:
            plan = super().plan(stack, run, destroy=destroy)
            more = ResourceChange("host.db-0", "host", Action.DELETE, "0")
            return replace(plan, changes=(*plan.changes, more)) if self.applies else plan

        def apply(self, stack: StackSpec, plan: Plan, run: Run) -> Applied:
            self.applies += 1
            return super().apply(stack, plan, run)

    stage = Stage()
    provisioner = Widening(stage.world)
    stage.ports = replace(stage.ports, provisioner=provisioner)
    stage.world.passing["apply data"] = 1
    ended = stage.up()
    assert "host.db-0 is to be destroyed, and the plan did not say so" in ended.environment.message
    assert provisioner.applies == 1


def changes(**actions: Action) -> Plan:
    return Plan("web", "d", changes=tuple(ResourceChange(name, "host", a) for name, a in actions.items()))


@pytest.mark.parametrize(
    ("first", "again", "more"),
    [
        (Action.CREATE, Action.REPLACE, False),  # made, and tainted by the failure
        (Action.CREATE, Action.UPDATE, False),  # taken over, with something missing
        (Action.REPLACE, Action.CREATE, False),  # destroyed, and not made yet
        (Action.REPLACE, Action.DELETE, False),  # made, and the old one still there
        (Action.UPDATE, Action.UPDATE, False),
        (Action.UPDATE, Action.REPLACE, True),
        (Action.UPDATE, Action.DELETE, True),
        (Action.DELETE, Action.CREATE, True),
        (Action.NOOP, Action.UPDATE, True),
    ],
)
def test_what_counts_as_more_than_was_planned(first: Action, again: Action, more: bool) -> None:
    assert bool(grown(changes(a=first), changes(a=again))) is more
    assert not grown(changes(a=first, b=Action.CREATE), changes(a=Action.NOOP))


def test_a_host_whose_connection_broke_is_configured_again_alone() -> None:
    stage = Stage()
    stage.world.passing["configure app web-1"] = 1
    assert stage.up().environment.phase is Phase.READY
    assert (stage.world.done["configure app web-1"], stage.world.done["configure app web-2"]) == (2, 1)
    assert stage.retried == [("configure:app", "unreachable")]


def test_a_host_that_cannot_be_entered_again_is_named_with_what_it_lacks_and_the_others_are_configured() -> None:
    stage = Stage()

    def die(event: Event) -> None:
        stage.events.append(event)
        if event.type == "step.retried":
            stage.world.broken.add("await web-1")

    stage.ports = replace(stage.ports, sink=die)
    stage.world.passing["configure app web-1"] = 1
    ended = stage.up()
    assert ended.environment.phase is Phase.FAILED
    said = "web-1 unreachable in task 'a task': the connection broke; it did not come back: web-1 does not answer"
    assert said in ended.environment.message
    assert stage.world.named("web-2").configured == ["app"]
    stage.world.broken.clear()
    assert stage.up().environment.phase is Phase.READY
    assert stage.world.done["configure app web-2"] == 1


def test_a_connection_that_breaks_every_time_ends_the_step() -> None:
    stage = Stage()
    stage.world.passing["configure app web-1"] = 9
    assert stage.up().environment.phase is Phase.FAILED
    assert stage.world.done["configure app web-1"] == 1 + AGAIN


def result(name: str, status: HostStatus, failed: int = 0) -> HostResult:
    return HostResult(name, status, failed=failed)


A, B = (Host(name, "web", name, Connection("10.0.0.1")) for name in ("a", "b"))
GONE, DONE, FAILED = HostStatus.UNREACHABLE, HostStatus.CHANGED, HostStatus.FAILED


@pytest.mark.parametrize(
    ("results", "again"),
    [
        ((result("a", GONE), result("b", DONE)), (A,)),
        ((result("a", GONE), result("b", FAILED)), (A, B)),  # b did not have its turn
        (
            (result("a", GONE), result("b", FAILED, failed=1)),
            (),
        ),  # a task failed: those behind it were stopped on purpose
        ((result("a", FAILED), result("b", DONE)), ()),
        ((result("a", DONE), result("b", DONE)), ()),
    ],
)
def test_who_is_configured_again(results: tuple[HostResult, ...], again: tuple[Host, ...]) -> None:
    assert cut_off((A, B), Configured(results)) == again
    assert cut_off((A, B), Configured(results, complete=False)) == ()


class Away(BatonError):
    """The store is busy."""

    trouble = Trouble.IN_USE


class Hiccups(FakeStore):
    """A store that is away for some writes."""

    def __init__(self, when: Callable[[str], bool]) -> None:
        super().__init__()
        self._when = when

    def intend(self, lock: Lock, records: object) -> None:
        self._maybe("intend")
        super().intend(lock, records)  # type: ignore[arg-type]

    def conclude(self, lock: Lock, records: object, drafts: object = ()) -> None:
        self._maybe("conclude")
        super().conclude(lock, records, drafts)  # type: ignore[arg-type]

    def _maybe(self, what: str) -> None:
        if self._when(what):
            raise Away


def test_a_store_that_is_away_for_a_moment_costs_a_moment_and_nothing_is_written_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lifecycle.perform.STORE", Backoff(attempts=3, first=0))
    calls: list[str] = []

    def every_other(what: str) -> bool:
        calls.append(what)
        return len(calls) % 2 == 1

    stage = Stage()
    store = Hiccups(every_other)
    stage.ports = replace(stage.ports, store=store)
    assert stage.up().environment.phase is Phase.READY
    kept = [e.decoded["data"]["step"] for e in store.ledger(shop().ref) if e.decoded["type"] == "baton.step.finished"]
    assert len(kept) == len(set(kept)) > 4
    assert {why for _, why in stage.retried} == {"in_use"}


def test_a_store_that_stays_away_ends_the_run_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lifecycle.perform.STORE", Backoff(attempts=2, first=0))
    away = True
    stage = Stage()
    store = Hiccups(lambda what: away and what == "conclude")
    stage.ports = replace(stage.ports, store=store)
    with pytest.raises(Away):
        stage.up()
    away = False
    assert stage.up().environment.phase is Phase.READY
    assert stage.world.done["create db-1"] == 1


def test_the_stores_patience_is_longer_than_ten_seconds_and_shorter_than_the_lease() -> None:
    assert 10 < sum(STORE.delays) < LEASE.total_seconds()


def test_a_full_disk_is_told_as_what_it_is() -> None:
    class Full(FakeProvisioner):
        full = True

        def plan(self, stack: StackSpec, run: Run, *, destroy: bool = False) -> Plan:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device", "/home/ada/plans/1.tfplan")
            return super().plan(stack, run, destroy=destroy)

    stage = Stage()
    provisioner = Full(stage.world)
    stage.ports = replace(stage.ports, provisioner=provisioner)
    ended = stage.up()
    said = "plan data: /home/ada/plans/1.tfplan cannot be written: No space left on device"
    assert ended.environment.message == said
    assert "free some space" in ended.failures[0].hint
    assert "internal.error" not in [e.type for e in stage.events]
    provisioner.full = False
    assert stage.up().environment.phase is Phase.READY


def test_only_what_is_none_of_our_faults_is_told_in_plain_words() -> None:
    assert isinstance(of_system(OSError(errno.EDQUOT, "Disk quota exceeded")), DiskFull)
    assert of_system(OSError(errno.EBADF, "Bad file descriptor")) is None


def test_nothing_is_tried_again_once_it_has_taken_too_long() -> None:
    tried: list[float] = []

    def attempt() -> None:
        tried.append(400)
        raise Away

    with pytest.raises(Away):
        insist(attempt, Backoff(attempts=9, within=900), lambda *_, **__: None, lambda _: False, lambda: sum(tried))
    assert len(tried) == 3  # it began 1200 seconds ago


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_jumps_ends_no_run_and_makes_nothing_twice(hours: int) -> None:
    stage = Stage()
    stage.up()
    configured = stage.world.done["configure balance lb-1"]
    clock = stage.ports.clock
    assert isinstance(clock, FakeClock)

    def jump(event: Event) -> None:
        stage.events.append(event)
        if event.type == "step.started":
            clock.jump(timedelta(hours=hours))

    stage.ports = replace(stage.ports, sink=jump)
    stage.web = 1  # one leaves: the load balancer is told, and configured again after that
    assert stage.up().environment.phase is Phase.READY
    assert stage.world.done["configure balance lb-1"] == configured + 1
    assert {e.data["seconds"] for e in stage.events if e.type == "step.finished"} == {0.0}


def test_a_lock_that_is_released_is_in_the_ledger_before_it_is() -> None:
    class Locked(FakeProvisioner):
        told: int | None = None

        def plan(self, stack: StackSpec, run: Run, *, destroy: bool = False) -> Plan:
            if self.told is None:
                run.say("state.unlocking", "a dead process left it", lock="0-1", owner="ada on laptop (process 7)")
                self.told = len(released())
            return super().plan(stack, run, destroy=destroy)

    stage = Stage()
    stage.ports = replace(stage.ports, provisioner=(provisioner := Locked(stage.world)))

    def released() -> list[dict[str, object]]:
        entries = [e.decoded for e in stage.ports.store.ledger(shop().ref)]
        return [e["data"] for e in entries if e["type"] == "baton.state.unlocked"]

    assert stage.up().complete
    assert provisioner.told == 1
    [entry] = released()
    assert (entry["lock"], entry["step"], entry["run"]) == ("0-1", "plan:data", 1)


class Held(BatonError):
    """The state is locked."""

    exit_code = ExitCode.LOCKED


def test_a_run_that_met_nothing_but_locks_ends_as_locked() -> None:
    class Locked(FakeProvisioner):
        kind: type[BatonError] = Held

        def apply(self, stack: StackSpec, plan: Plan, run: Run) -> Applied:
            raise self.kind

    stage = Stage()
    provisioner = Locked(stage.world)
    stage.ports = replace(stage.ports, provisioner=provisioner)
    assert RunFailed(stage.up()).exit_code is ExitCode.LOCKED
    provisioner.kind = BatonError
    assert RunFailed(stage.up()).exit_code is ExitCode.FAILED
