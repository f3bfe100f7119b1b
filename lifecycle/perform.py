"""The loop around the conductor: ask what may run, write the intent, run it, write the outcome, ask again.

Plain Python: the engine hands in `run_step` and owns nothing of this. Everything that must survive a kill is in the
store before the step that needs it begins.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lifecycle.acts import Acts
from lifecycle.conductor import View, next_steps
from lifecycle.desired import Desired, Goal
from lifecycle.environment import Environment, Phase, transition
from lifecycle.events import Event, Level
from lifecycle.inventory import Host
from lifecycle.journal import Journal, Kind, Outcome, Record, Status, Step, subjects
from lifecycle.ledger import Draft
from lifecycle.lock import Lock
from lifecycle.observed import Observed
from lifecycle.phases import final_phase, working_phase
from lifecycle.ports import Cancellation, Ports, RunStep

WORKERS = 16
"""Steps at once. They wait for tools most of the time; the tools have caps of their own."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. `view` is everything that it knew at its end."""

    environment: Environment
    view: View
    outcomes: tuple[Outcome, ...]
    cancelled: bool = False

    @property
    def complete(self) -> bool:
        return self.view.complete and not self.cancelled

    @property
    def failures(self) -> tuple[Outcome, ...]:
        return tuple(o for o in self.outcomes if o.status is Status.FAILED)

    @property
    def changed(self) -> bool:
        return any(o.changed for o in self.outcomes)


def perform(
    desired: Desired, ports: Ports, run_step: RunStep, *, lock: Lock, environment: Environment, cancel: Cancellation
) -> Ended:
    """Work until the goal is reached or nothing more can be done. The lock must be held and be kept alive meanwhile.

    Raises LostLock when another run has taken over; what was in flight has been cancelled then.
    """
    return _Performance(desired, ports, run_step, lock, environment, cancel).run()


class _Performance:
    def __init__(
        self,
        desired: Desired,
        ports: Ports,
        run_step: RunStep,
        lock: Lock,
        environment: Environment,
        cancel: Cancellation,
    ) -> None:
        self._desired, self._ports, self._run_step = desired, ports, run_step
        self._lock, self._environment, self._cancel = lock, environment, cancel
        self._store, self._clock = ports.store, ports.clock
        self._acts = Acts(desired, ports, cancel)
        self._journal: Journal = self._store.journal(desired.ref)
        pins = {h.id: h.host_key for h in self._store.hosts(desired.ref) if h.host_key}
        self._observed = Observed(pins=pins)
        self._started_at: dict[Step, datetime] = {}
        self._outcomes: list[Outcome] = []

    @property
    def _view(self) -> View:
        return View(self._desired, self._journal, self._observed)

    def run(self) -> Ended:
        self._begin()
        pool = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="step")
        futures: dict[Future[Outcome], Step] = {}
        try:
            while self._start_what_may(pool, futures):
                done, _ = wait(futures, return_when=FIRST_COMPLETED)
                for future in done:
                    futures.pop(future)
                    self._end(future.result())
        except BaseException as error:
            self._cancel.request(f"{type(error).__name__}")
            raise
        finally:
            pool.shutdown(wait=True)
        return self._conclude()

    def _begin(self) -> None:
        phase = Phase.TEARING_DOWN if self._desired.goal is Goal.DOWN else Phase.PLANNING
        now, drafts = self._clock.now(), list[Draft]()
        numbered = replace(self._environment, run=self._environment.run + 1)
        if self._desired.goal is not Goal.PLAN and self._environment.phase is not phase:
            numbered, draft = transition(numbered, phase, at=now, data={"goal": self._desired.goal.value})
            drafts.append(draft)
        self._environment = self._store.start_run(self._lock, replace(numbered, run=self._environment.run), drafts)
        run = self._environment.run
        self._say("run.started", f"{self._desired.goal} {self._desired.ref} r{run}", run=run)
        for record in self._journal.unknown:
            message = f"an earlier run was interrupted here: {record.kind} {record.subject} is looked at again"
            self._say("run.reconciling", message, record.subject, level=Level.WARNING)

    def _start_what_may(self, pool: ThreadPoolExecutor, futures: dict[Future[Outcome], Step]) -> bool:
        """Start every step that may run; whether anything is in flight then. What starts may let others start: ask again."""
        while not self._cancel.requested and (steps := next_steps(self._desired, self._journal, self._observed)):
            for step in steps:
                self._intend(step)
                self._observed = self._observed.started(step)
                futures[pool.submit(self._carry_out, step, self._view)] = step
        return bool(futures)

    def _carry_out(self, step: Step, view: View) -> Outcome:
        if step.kind is Kind.DISCOVER:  # a look ahead every second is not worth a line in anybody's log
            return self._acts.carry_out(step, view)
        return self._run_step(step, lambda: self._acts.carry_out(step, view))

    def _intend(self, step: Step) -> None:
        now = self._clock.now()
        self._started_at[step] = now
        if step.kind.acts:
            records = [Record(step.kind, s, d, self._environment.run, now) for s, d in subjects(step)]
            self._store.intend(self._lock, records)
            self._journal = self._journal.with_records(records)
        if step.kind is not Kind.DISCOVER:
            self._say("step.started", self._title(step), step.key, kind=step.kind.value, subject=step.subject)

    def _end(self, outcome: Outcome) -> None:
        step = outcome.step
        late = step.kind is Kind.AWAIT and self._observed.superseded(step)
        self._observed = self._observed.ended(outcome)
        self._stop_superseded()
        if step.kind is Kind.DISCOVER:
            return
        if late:  # what it found is about a host that is described in another way by now, or gone
            self._say_ended(outcome)
            return
        self._outcomes.append(outcome)
        records = self._records(outcome)
        self._store.conclude(self._lock, records, self._drafts(outcome))
        self._journal = self._journal.with_records(records)
        if step.kind in (Kind.AWAIT, Kind.APPLY, Kind.PLAN) and self._desired.goal is Goal.UP:
            self._store.save_hosts(self._lock, self._inventory())
        self._say_ended(outcome)
        if self._desired.goal is not Goal.PLAN and not self._cancel.requested:
            self._move_to(working_phase(self._view))

    def _stop_superseded(self) -> None:
        for step in self._observed.in_flight:
            if step.kind is Kind.AWAIT and self._observed.superseded(step):
                self._acts.stop(step, "its stack says something else of this host, or no longer has it")

    def _records(self, outcome: Outcome) -> list[Record]:
        step, now = outcome.step, self._clock.now()
        begun = self._started_at.get(step, now)
        return [
            Record(step.kind, subject, key, self._environment.run, begun, now, status, outcome.message, detail)
            for (subject, key), status, detail in zip(
                subjects(step), _statuses(outcome), _details(outcome), strict=True
            )
        ]

    def _drafts(self, outcome: Outcome) -> list[Draft]:
        """A ledger entry for every step that changed the world, or tried to."""
        step = outcome.step
        if not step.kind.acts and step.kind is not Kind.PROVE:
            return []
        data: dict[str, Any] = {
            "run": self._environment.run,
            "step": step.key,
            "digest": step.input_digest,
            "status": outcome.status.value,
            "message": outcome.message,
        }
        return [Draft("baton.step.finished", str(self._desired.ref), self._clock.now(), data)]

    def _inventory(self) -> list[Host]:
        """Every host known now, with its pin where it has one. What earlier runs knew is kept until a stack has settled."""
        view = self._view
        seen = {i: view.reached(h) for i, h in self._observed.hosts.items()} | dict(view.ready_hosts)
        unsettled = {h.id: h for h in self._store.hosts(self._desired.ref) if h.stack not in self._observed.settled}
        return sorted({**unsettled, **seen}.values(), key=lambda h: (h.stack, h.name))

    def _move_to(self, phase: Phase, message: str = "") -> None:
        if phase is self._environment.phase and message == self._environment.message:
            return
        now = self._clock.now()
        if phase is self._environment.phase:
            self._environment = replace(self._environment, message=message, updated_at=now)
            self._store.transition(self._lock, self._environment, [])
            return
        self._environment, draft = transition(self._environment, phase, at=now, message=message)
        self._store.transition(self._lock, self._environment, [draft])
        self._say("environment.phase", phase.label, phase=phase.value)

    def _conclude(self) -> Ended:
        view = self._view
        ended = Ended(self._environment, view, tuple(self._outcomes), self._cancel.requested and not view.complete)
        if self._desired.goal is Goal.PLAN:
            return ended
        if ended.cancelled:
            self._move_to(self._environment.phase, f"interrupted ({self._cancel.reason}); run it again to go on")
        else:
            self._move_to(final_phase(view), _failure_words(ended, view))
        if self._environment.phase is Phase.DESTROYED:
            self._store.forget_journal(self._lock)
        return replace(ended, environment=self._environment)

    # --- saying

    def _title(self, step: Step) -> str:
        if step.kind is Kind.AWAIT and step.subject in self._observed.hosts:
            return f"await {self._observed.hosts[step.subject].name}"
        if step.kind is Kind.CONFIGURE:
            names = [self._observed.hosts[i].name if i in self._observed.hosts else i for i, _ in step.hosts]
            return f"configure {step.subject} on {', '.join(sorted(names))}"
        return f"{step.kind} {step.subject}"

    def _say_ended(self, outcome: Outcome) -> None:
        level = Level.INFO if outcome.status is Status.OK else Level.ERROR
        seconds = (self._clock.now() - self._started_at[outcome.step]).total_seconds()
        data = {"status": outcome.status.value, "changed": outcome.changed, "seconds": seconds, "hint": outcome.hint}
        self._say("step.finished", outcome.message, outcome.step.key, level, title=self._title(outcome.step), **data)

    def _say(self, type: str, message: str, step: str = "", level: Level = Level.INFO, **data: Any) -> None:
        self._ports.sink(Event(self._clock.now(), type, message, step, level, data))


def _statuses(outcome: Outcome) -> Iterable[Status]:
    if outcome.step.kind is not Kind.CONFIGURE:
        return [outcome.status]
    bad = Status.FAILED if outcome.status is Status.OK else outcome.status
    return [Status.OK if host_id in outcome.good_hosts else bad for host_id, _ in outcome.step.hosts]


def _details(outcome: Outcome) -> Iterable[Mapping[str, Any]]:
    if outcome.step.kind is not Kind.CONFIGURE:
        return [outcome.detail]
    hosts = outcome.detail.get("hosts", {})
    return [hosts.get(host_id, {}) for host_id, _ in outcome.step.hosts]


def _failure_words(ended: Ended, view: View) -> str:
    """Why a run did not get there, in one line."""
    failures = [f"{o.step.kind} {o.step.subject}: {o.message}" for o in ended.failures]
    if failures:
        return failures[0] if len(failures) == 1 else f"{failures[0]} (and {len(failures) - 1} more)"
    if view.complete:
        return ""
    return "nothing more can be done: a step waits for something that did not come"
