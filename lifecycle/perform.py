"""The loop around the conductor: ask what may run, write the intent, run it, write the outcome, ask again.

Plain Python: the engine hands in `run_step` and owns nothing of this. Everything that must survive a kill is in the
store before the step that needs it begins.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, ParamSpec, TypeVar

from lifecycle.acts import Acts
from lifecycle.approval import REVIEW, Review
from lifecycle.conductor import steps_of
from lifecycle.desired import Desired, Goal
from lifecycle.environment import Environment, Phase, transition
from lifecycle.events import Event, Level
from lifecycle.inventory import Host
from lifecycle.journal import Journal, Kind, Outcome, Status, Step
from lifecycle.lanes import Lanes, Threads
from lifecycle.ledger import Draft
from lifecycle.lock import Lock
from lifecycle.observed import Observed, Reviewed, sensitive_outputs
from lifecycle.outcomes import orphan_words
from lifecycle.phases import INTERRUPTED, concluded, final_phase, working_phase
from lifecycle.ports import Cancellation, Ports, RunStep
from lifecycle.recording import closed, drafts, failure_words, intents, outcomes, teardown_done, title, unmatched
from lifecycle.remaining import remaining
from lifecycle.retries import STORE, insist
from lifecycle.revision import CLEANUP
from lifecycle.view import View

P = ParamSpec("P")
T = TypeVar("T")


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
    desired: Desired,
    ports: Ports,
    run_step: RunStep,
    *,
    lock: Lock,
    environment: Environment,
    cancel: Cancellation,
    lanes: Callable[[], Lanes] = Threads,
) -> Ended:
    """Work until the goal is reached or nothing more can be done. The lock must be held and be kept alive meanwhile.

    Raises LostLock when another run has taken over; what was in flight has been cancelled then.
    """
    return _Performance(desired, ports, run_step, lock, environment, cancel).run(lanes)


def _without_engine(_: Step, act: Callable[[], Outcome]) -> Outcome:
    return act()


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
        self._acts = Acts(desired, ports, cancel, self._note, lambda: self._environment.run)
        self._journal: Journal = self._store.journal(desired.ref)
        self._observed = Observed(standing={h.id: h for h in self._store.hosts(desired.ref)})
        self._last_view = View(desired, self._journal, self._observed)
        self._phase_before = environment.phase
        self._started_at: dict[Step, tuple[datetime, float]] = {}  # wall clock, and monotonic seconds
        self._latest = self._clock.now()
        self._outcomes: list[Outcome] = []

    @property
    def _view(self) -> View:
        """Of now; the same one as long as nothing is written or seen, so that what it has worked out is not worked out again."""
        now = self._last_view
        if now.journal is not self._journal or now.observed is not self._observed:
            self._last_view = now.later(self._journal, self._observed)
        return self._last_view

    def run(self, open_lanes: Callable[[], Lanes]) -> Ended:
        self._begin()
        lanes = open_lanes()
        try:
            while self._start_what_may(lanes):
                for outcome in lanes.ended():
                    self._end(outcome)
        except BaseException as error:
            if (
                not self._cancel.requested
            ):  # gracefully also where somebody else writes here now: the heartbeat makes it fast
                self._cancel.request(type(error).__name__)
            raise
        finally:
            lanes.close()
        return self._conclude()

    def _begin(self) -> None:
        phase = Phase.TEARING_DOWN if self._desired.goal is Goal.DOWN else Phase.PLANNING
        now, moves = self._now(), list[Draft]()
        looking = self._desired.goal is Goal.PLAN
        kept = self._environment.message if looking else ""
        forgotten = () if looking else (INTERRUPTED, CLEANUP)
        facts = {key: value for key, value in self._environment.facts.items() if key not in forgotten}
        numbered = replace(self._environment, run=self._environment.run + 1, message=kept, facts=facts)
        if not looking and self._environment.phase is not phase:
            data = {"goal": self._desired.goal.value, "because": self._desired.because}
            numbered, draft = transition(numbered, phase, at=now, data={k: v for k, v in data.items() if v})
            moves.append(draft)
        self._environment = self._to_store(
            self._store.start_run, self._lock, replace(numbered, run=self._environment.run), moves
        )
        run = self._environment.run
        self._say("run.started", f"{self._desired.goal} {self._desired.ref} r{run}", run=run)
        for name in self._view.orphans:
            self._say("stack.orphaned", orphan_words(name), level=Level.WARNING)
        for record in self._journal.unknown:
            message = f"an earlier run was interrupted here: {record.kind} {record.subject} is looked at again"
            self._say("run.reconciling", message, record.subject, level=Level.WARNING)

    def _start_what_may(self, lanes: Lanes) -> bool:
        """Start every step that may run; whether anything is in flight then. What starts may let others start: ask again."""
        while not self._cancel.requested and (steps := steps_of(self._view)):
            for step in steps:
                self._intend(step)
                self._observed = self._observed.started(step)
                lanes.start(step, partial(self._carry_out, step, self._view))
        return lanes.busy

    def _carry_out(self, step: Step, view: View) -> Outcome:
        if step.kind is Kind.DISCOVER:  # a look ahead every second is not worth a line in anybody's log
            return self._acts.carry_out(step, view)
        begun, ended = list[Step](), list[Outcome]()

        def act() -> Outcome:
            begun.append(step)
            outcome = self._acts.carry_out(step, view)
            for secret in sensitive_outputs(outcome.result):
                self._ports.learn(secret)
            ended.append(self._masked(outcome))
            return ended[0]

        for run_step in (self._run_step, _without_engine):
            try:
                run_step(step, act)
            except Exception as error:  # the engine's own trouble: what it did not begin is begun without it
                what = f"{type(error).__name__}: {error}"
                if ended:
                    words = f"the engine lost track of a step that has ended: {what}"
                    self._say("engine.trouble", words, step.key, level=Level.WARNING)
                elif begun or self._cancel.requested:
                    hint = "look at the engine with `baton server status`, then run it again"
                    failed = Outcome(step, Status.FAILED, f"the engine could not run it: {what}", hint)
                    ended.append(self._masked(failed))
                else:
                    words = f"the engine could not begin a step, which runs without it: {what}"
                    self._say("engine.trouble", words, step.key, level=Level.WARNING)
            if ended:
                break
        return ended[0]

    def _masked(self, outcome: Outcome) -> Outcome:
        """Without any secret that is known: from here it goes to the journal, the ledger, the engine and people."""
        mask = self._ports.masked
        return replace(
            outcome, message=mask(outcome.message), hint=mask(outcome.hint), detail=mask(dict(outcome.detail))
        )

    def _intend(self, step: Step) -> None:
        now = self._now()
        self._started_at[step] = (now, self._clock.monotonic())
        if records := intents(step, self._environment.run, now):
            self._to_store(self._store.intend, self._lock, records)
            self._journal = self._journal.with_records(records)
        elif step.kind is not Kind.DISCOVER:
            self._to_store(self._store.check, self._lock)
        if step.kind is not Kind.DISCOVER:
            self._say("step.started", title(step, self._view), step.key, kind=step.kind.value, subject=step.subject)

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
        run, now = self._environment.run, self._now()
        records = outcomes(outcome, run, self._started_at[step][0], now)
        self._to_store(self._store.conclude, self._lock, records, drafts(outcome, self._desired.ref, run, now))
        self._journal = self._journal.with_records(records)
        if step.kind in (Kind.AWAIT, Kind.APPLY, Kind.PLAN) and self._desired.goal is Goal.UP:
            self._to_store(self._store.save_hosts, self._lock, self._inventory())
        if isinstance(outcome.result, Reviewed):
            self._remember(outcome.result.review)
        self._say_ended(outcome)
        if self._desired.goal is not Goal.PLAN and not self._cancel.requested:
            self._move_to(working_phase(self._view))

    def _remember(self, review: Review | None) -> None:
        """What was asked, and what was answered to it, so that the next run and whoever approves know it."""
        others = {key: value for key, value in self._environment.facts.items() if key != REVIEW}
        facts = {**others, REVIEW: review.fact} if review else others
        if facts != self._environment.facts:
            self._environment = replace(self._environment, facts=facts, updated_at=self._now())
            self._to_store(self._store.transition, self._lock, self._environment, [])

    def _stop_superseded(self) -> None:
        for step in self._observed.in_flight:
            if step.kind is Kind.AWAIT and self._observed.superseded(step):
                self._acts.stop(step, "its stack says something else of this host, or no longer has it")

    def _inventory(self) -> list[Host]:
        """Every host known now, with its pin where it has one. What earlier runs knew is kept until a stack has settled."""
        view = self._view
        seen = {i: view.reached(h) for i, h in self._observed.hosts.items()} | dict(view.ready_hosts)
        unsettled = {h.id: h for h in self._store.hosts(self._desired.ref) if h.stack not in self._observed.settled}
        return sorted({**unsettled, **seen}.values(), key=lambda h: (h.stack, h.name))

    def _move_to(self, phase: Phase, message: str = "", *more: Draft) -> None:
        if phase is self._environment.phase and message == self._environment.message:
            return
        now = self._now()
        if phase is self._environment.phase:
            self._environment = replace(self._environment, message=message, updated_at=now)
            self._to_store(self._store.transition, self._lock, self._environment, [])
            return
        self._environment, draft = transition(self._environment, phase, at=now, message=message)
        self._to_store(self._store.transition, self._lock, self._environment, [draft, *more])
        self._say("environment.phase", phase.label, phase=phase.value)

    def _conclude(self) -> Ended:
        view = self._view
        ended = Ended(self._environment, view, tuple(self._outcomes), self._cancel.requested and not view.complete)
        if self._desired.goal is Goal.PLAN:
            return ended
        if ended.cancelled:
            self._environment = replace(
                self._environment, facts={**self._environment.facts, INTERRUPTED: self._cancel.reason}
            )
            self._move_to(self._environment.phase, f"interrupted ({self._cancel.reason}): {remaining(view)}")
        else:
            self._close(view)
            self._environment = replace(self._environment, facts=concluded(self._environment.facts, view, self._now()))
            self._move_to(
                final_phase(view, self._environment.facts, self._phase_before),
                failure_words(ended.failures, view),
                *teardown_done(view, self._now()),
            )
        if self._environment.phase is Phase.DESTROYED:
            self._to_store(self._store.forget_journal, self._lock)
        return replace(ended, environment=self._environment)

    def _close(self, view: View) -> None:
        """Say what was for nobody, and end what dead runs left open where this one has reached the goal."""
        for words in unmatched(view):
            self._say("selector.empty", words, level=Level.WARNING)
        if view.complete and (records := closed(self._journal, self._environment.run, self._now())):
            self._to_store(self._store.conclude, self._lock, records)

    # --- saying

    def _say_ended(self, outcome: Outcome) -> None:
        level = Level.INFO if outcome.status is Status.OK else Level.ERROR
        seconds = round(self._clock.monotonic() - self._started_at[outcome.step][1], 3)
        data = {"status": outcome.status.value, "changed": outcome.changed, "seconds": seconds, "hint": outcome.hint}
        self._say(
            "step.finished", outcome.message, outcome.step.key, level, title=title(outcome.step, self._view), **data
        )

    def _note(self, step: Step, type: str, message: str, data: Mapping[str, Any]) -> None:
        """Write an entry into the ledger while a step works: in its thread, before it does what the entry tells."""
        told = self._ports.masked({"run": self._environment.run, "step": step.key, "message": message, **data})
        draft = Draft(type, str(self._desired.ref), self._now(), told)
        self._to_store(self._store.conclude, self._lock, (), [draft])

    def _now(self) -> datetime:
        """The wall clock, which never goes back within a run: the journal's order is read off it."""
        self._latest = max(self._latest, self._clock.now())
        return self._latest

    def _to_store(self, what: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Write to the store, again where it is busy or away for a moment. The lease ends that: see `holding`."""

        def say(type: str, message: str, level: Level, **data: Any) -> None:
            self._say(type, message, "", level, **data)

        return insist(lambda: what(*given, **named), STORE, say, self._cancel.wait)

    def _say(self, type: str, message: str, step: str = "", level: Level = Level.INFO, **data: Any) -> None:
        self._ports.sink(Event(self._now(), type, message, step, level, data))
