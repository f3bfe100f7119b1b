"""The verbs' common body: open, lock, perform, tell."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from httpx import TransportError
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed

from adapters import settings
from adapters.process.owner import current_owner
from adapters.registry import Registry
from flows.approving import Rejected, Waiter, form_text, suspend, take_answer, waiter
from flows.board import Board
from flows.console import outlive_its_reader
from flows.dead_runs import tell_taken_over
from flows.duties import First
from flows.ends import show_quietly
from flows.following import note_exit_code
from flows.heartbeats import no_heartbeats
from flows.place import located
from flows.request import Request
from flows.session import both, masking
from flows.steps import logging_to_run
from flows.stopping import cancelled_in_engine, stopped_by_signals
from flows.work import Work, warning
from lifecycle.blueprint.scalars import format_duration
from lifecycle.desired import Goal
from lifecycle.due import Ticked
from lifecycle.environment import Environment
from lifecycle.errors import BatonError, ExitCode
from lifecycle.events import Level, saying
from lifecycle.holding import Patience, holding
from lifecycle.journal import Kind
from lifecycle.lock import Locked
from lifecycle.perform import Ended
from lifecycle.ports import Cancellation, EventSink
from lifecycle.ports import Cancelled as CancelledError
from lifecycle.recording import title
from lifecycle.remaining import remaining
from lifecycle.report.words import look_command, next_command, summary
from lifecycle.watching import watched


@dataclass
class Caller:
    """What the process that starts a flow hands to it beside its parameters: where events go, and how to stop it."""

    sink: EventSink = field(default=lambda _: None)
    cancel: Cancellation = field(default_factory=Cancellation)
    ended: Ended | None = None
    ticked: Ticked | None = None
    error: BatonError | None = None

    def answer(self, state: State, what: str = "ended") -> Any:
        """What the flow left here. Raises what made it fail."""
        if self.error is not None:
            raise self.error
        left = getattr(self, what)
        if left is None:
            hint = "this is a fault of Baton's own or of the engine: the flow run's log holds the details"
            raise BatonError(f"the flow run ended {state.name}: {state.message}", hint=hint)
        return left


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


@contextmanager
def called_by(caller: Caller) -> Iterator[Caller]:
    """Flows that run in this context meanwhile tell this caller, and stop when it says so."""
    token = _caller.set(caller)
    try:
        with no_heartbeats():
            yield caller
    finally:
        _caller.reset(token)


class RunFailed(BatonError):
    """A run did not reach its goal. `form` is what an approver is shown, where this run can wait for one."""

    def __init__(self, ended: Ended, after: Ended | None = None, form: str = "") -> None:
        self.ended, self.form = ended, form
        self.exit_code = _exit_code(ended)  # type: ignore[misc]
        failures = [f"{title(o.step, ended.view)}: {o.message}" for o in ended.failures]
        hints = dict.fromkeys(o.hint for o in ended.failures if o.hint)
        proof = ended.view.observed.proof
        facts: dict[str, Any] = {"phase": ended.environment.phase.value, "left": list(proof.left)} if proof else {}
        environment = (after or ended).environment
        hint = "\n".join([*hints, *_what_next(ended, environment)])
        message = "; ".join(failures) or ended.environment.message
        if after is not None:
            facts |= {"phase": environment.phase.value, "cleaned_up": after.complete}
            how = (
                summary(after)
                if after.complete
                else f"{environment.ref} is {environment.phase.label}: {environment.message}"
            )
            message += f"; afterwards: {how}"
        super().__init__(message, hint=hint, facts=facts)


def _exit_code(ended: Ended) -> ExitCode:
    """What all failures have in common: only checks, only locks, or a review that said no. Anything else is `failed`; what
    was made and may not be is the policy's business, whatever failed beside it."""
    kinds, codes = {o.step.kind for o in ended.failures}, {o.exit_code for o in ended.failures}
    if ended.view.overruled:
        return ExitCode.POLICY_DENIED
    if kinds == {Kind.VERIFY}:
        return ExitCode.VERIFICATION_FAILED
    if kinds == {Kind.REVIEW} or codes == {ExitCode.LOCKED}:
        return codes.pop()
    return ExitCode.FAILED


def _what_next(ended: Ended, environment: Environment) -> Iterator[str]:
    """What shows more of the first failure, and what goes on from where the environment stands now."""
    if ended.failures:
        step = ended.failures[0].step
        yield f"see:  {look_command(ended.environment.ref, step.kind, step.subject, ended.view.observed.hosts.values())}"
    if ended.view.desired.goal is not Goal.PLAN:
        yield f"next: {next_command(environment)}"


def this_caller() -> Caller:
    """Who called this flow; one that hears nothing where a worker did."""
    return _caller.get() or Caller()


def run(goal: Goal, request: Request) -> State:
    """Perform a goal on an environment, in the flow run that calls this; the state that the flow run ends in.

    What went wrong is a state with a sentence, not an exception with a traceback; the caller in this process gets the error.
    """
    caller = this_caller()
    try:
        caller.ended = _or_suspended(goal, request, caller)
        if goal is not Goal.PLAN:
            show_quietly([caller.ended.environment], datetime.now(UTC))
        return Completed(message=summary(caller.ended))
    except Rejected as error:
        caller.error = error
        return failed(error, name="Rejected")
    except CancelledError as error:
        caller.error = error
        return Cancelled(message=sentence(error))
    except BatonError as error:
        caller.error = error
        return failed(error)


def _or_suspended(goal: Goal, request: Request, caller: Caller) -> Ended:
    """A goal, performed. The run of a deployment that needs an approval is suspended once the lock is free: its process ends."""
    try:
        return perform_goal(goal, request, caller, who=waiter() if goal is Goal.UP else None)
    except RunFailed as error:
        if not error.form:
            raise
        try:
            suspend(error.ended.environment, error.form)
        except RuntimeError as trouble:
            error.message += f"; it does not wait for one, as the engine did not suspend it: {trouble}"
        raise


def failed(error: BatonError, name: str = "Failed") -> State:
    """The state of a flow run that this error ended; the run's label says its exit code to whoever follows it."""
    note_exit_code(flow_run.id, error.exit_code)
    return Failed(name=name, message=sentence(error))


def sentence(error: BatonError) -> str:
    """An error as the message of a state."""
    return f"{error.message} ({error.hint})" if error.hint else error.message


def perform_goal(
    goal: Goal, request: Request, caller: Caller, first: First | None = None, *, who: Waiter | None = None
) -> Ended:
    """One goal of one environment, from the lock to what cleans up. `first` looks once the lock is held, and may raise what
    keeps the run from it; `who` may be suspended where it needs an approval.

    Raises RunFailed, Rejected, Cancelled, Locked, BlueprintInvalid, ...
    """
    outlive_its_reader()
    registry = Registry.open(settings.load())
    board = Board(goal, registry.scrubber.value)
    cancel, sink = caller.cancel, masking(both(logging_to_run(caller.sink), board), registry)
    try:
        place = located(request, registry)
        board.about(place.ref)
        with (
            stopped_by_signals(cancel),
            watched(cancel, wanted_elsewhere=cancelled_in_engine(), say=warning("run.stopping", sink)),
            holding(
                registry.store,
                place.ref,
                current_owner(flow_run.id or ""),
                cancel,
                patience=_patience(request, warning("lock.waiting", sink)),
                say=saying(sink, registry.clock.now),
            ) as lock,
        ):
            tell_taken_over(lock)
            if first is not None:
                first(registry, lock, sink)
            if note := take_answer(registry, lock, place.ref, who):
                warning("approval.ignored", sink)(note)
            work = Work(registry, sink, lock, cancel, board, who)
            ended = work.perform(goal, place, request)
            after = work.clean_up(ended.environment)
        board.ended(after or ended)
    except BatonError as error:
        error.scrub(registry.scrubber.value)
        raise
    except TransportError:  # the engine is away: who called this knows what to say
        raise
    except Exception as error:  # the engine would keep its words and its traceback as they are
        saying(sink, registry.clock.now)("internal.error", traceback.format_exc(), level=Level.ERROR)
        words = registry.scrubber.text(f"{type(error).__name__}: {error}")
        raise BatonError(words, hint="this is a fault of Baton's own: the flow run's log holds the details") from None
    finally:
        board.close()
        registry.close()
    if after is not None and after.cancelled:
        ended = after
    if ended.cancelled:
        again = f"baton plan {request.blueprint} --env {request.environment}"
        hint = f"run `{again if goal is Goal.PLAN else next_command(ended.environment)}` again to go on"
        words = f"{goal} of {ended.environment.ref} was interrupted ({cancel.reason}): {remaining(ended.view)}"
        raise CancelledError(words, hint=hint)
    if not ended.complete:
        raise RunFailed(ended, after, registry.scrubber.text(form_text(ended, note)) if after is None else "")
    return ended


def _patience(request: Request, say: Callable[[str], None]) -> Patience:
    def tell(held: Locked) -> None:
        say(f"{held.message}; waiting up to {format_duration(longest)}")

    longest = timedelta(seconds=request.wait)
    return Patience(longest, tell)
