"""What one tick does: looks at every environment, warns, and works on what is due, one after the other.

An environment that somebody works on is left alone; one that fails does not keep the others from their turn.
"""

from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed

from adapters import settings
from adapters.process.owner import current_owner
from adapters.registry import Registry
from flows.closing import close_question
from flows.dead_runs import tell_dead
from flows.duties import NotDue, request_for, say, still_due
from flows.ends import show_quietly
from flows.request import Request
from flows.steps import logging_to_run
from flows.telling import tell
from flows.verbs import Caller, perform_goal, this_caller
from lifecycle.due import Due, Ticked, due, in_turn
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.holding import holding
from lifecycle.lease import expiring
from lifecycle.lock import Locked
from lifecycle.ports import Cancellation, EventSink
from lifecycle.ports import Cancelled as CancelledError
from lifecycle.report.words import summary


def run_tick(limit: int) -> State:
    """Do what is due. The state that the flow run ends in says what was done."""
    caller = this_caller()
    try:
        ticked = _tick(limit, caller)
    except CancelledError as error:
        caller.error = error
        return Cancelled(message=error.message)
    except BatonError as error:
        caller.error = error
        return Failed(message=error.message)
    caller.ticked = ticked
    return Failed(message=ticked.words) if ticked.failed else Completed(message=ticked.words)


def _tick(limit: int, caller: Caller) -> Ticked:
    """Raises Cancelled, CloudUnavailable, StoreError."""
    sink, ticked = logging_to_run(caller.sink), Ticked()
    registry = Registry.open(settings.load())
    try:
        now = registry.clock.now()
        tell_dead(registry.store, now)
        standing = [e for e in registry.store.environments() if e.cloud in ("", registry.endpoint.name)]
        for environment in standing:
            _warn(environment.ref, registry, sink)
            close_question(environment, registry, sink)
        found = [one for e in standing if (one := due(e, now)) and registry.store.holder(e.ref) is None]
        known = {e.ref: e for e in standing}
        turn = [(one, request_for(one, known[one.ref], registry)) for one in in_turn(found, limit)]
    finally:
        registry.close()
    for one, request in turn:
        _do(one, request, caller, sink, ticked)
    if rest := len(found) - len(turn):
        ticked.left.append(f"{rest} more are due; the next tick takes them")
    _show_ends()
    return ticked


def _show_ends() -> None:
    """What the engine shows of environments' ends is made to say what the store says, whatever became of its runs."""
    registry = Registry.open(settings.load())
    try:
        show_quietly(registry.store.environments(), registry.clock.now())
    finally:
        registry.close()


def _do(one: Due, request: Request, caller: Caller, sink: EventSink, ticked: Ticked) -> None:
    """One environment. What goes wrong with it is said, and the next one has its turn. Raises Cancelled."""
    words = f"{one.goal} {one.ref}: {one.because}"
    data = {"environment": str(one.ref), "goal": one.goal.value}
    say("tick.due", words, sink, data)
    try:
        ended = perform_goal(one.goal, request, caller, still_due(one))
        ticked.done.append(f"{summary(ended)} ({one.because})")
    except CancelledError:
        raise
    except (Locked, NotDue) as error:
        ticked.left.append(error.message)
    except BatonError as error:
        ticked.failed.append(f"{words}: {error.message}")


def _warn(ref: EnvironmentRef, registry: Registry, sink: EventSink) -> None:
    """Warn of a lease that ends soon, once. Where somebody works on the environment, the next tick does."""
    known, now = registry.store.environment(ref), registry.clock.now()
    if known is None or expiring(known, now) is None:
        return
    try:
        with holding(registry.store, ref, current_owner(flow_run.id or ""), Cancellation()) as lock:
            known = registry.store.environment(ref)
            if known is None or (warned := expiring(known, now)) is None:
                return
            environment, draft = warned
            registry.store.transition(lock, environment, [draft])
    except Locked:
        return
    words = f"the lease of {ref} ends in {draft.data['left']}; longer: baton lease extend {ref} 4h"
    tell("lease.expiring", ref, message=words, **draft.data)
    say("lease.expiring", words, sink, {"environment": str(ref), **draft.data})
