"""A run of `down` that the engine was given for an environment's end: the store says whether that is still its end."""

from datetime import UTC, datetime, timedelta

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from adapters import settings
from adapters.registry import Registry
from flows.duties import NotDue, request_for, still_due
from flows.ends import show_quietly
from flows.request import Request
from flows.verbs import Caller, failed, perform_goal, sentence, this_caller
from lifecycle.due import Due, due
from lifecycle.ends import ends, over, stands
from lifecycle.environment import Environment, EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.lock import Locked
from lifecycle.ports import Cancelled as CancelledError
from lifecycle.report.words import summary

PATIENCE = timedelta(minutes=10)
"""How long it waits for who works on the environment. Longer: the next tick takes it down."""
EARLY = timedelta(minutes=1)
"""How much before its time a run may begin; it waits for the rest. A run that somebody starts by hand before is sent away."""
SKIPPED = "Skipped"
"""The name of the state of a run that had nothing to do."""


def run_appointed(ref: EnvironmentRef, at: datetime) -> State:
    """Take an environment down whose end was to be at this instant. Moved, taken back, done: nothing is touched."""
    caller = this_caller()
    try:
        one, request = _looked_up(ref, at.astimezone(UTC), caller)
        caller.ended = perform_goal(one.goal, request, caller, still_due(one))
        show_quietly([caller.ended.environment], datetime.now(UTC))
        return Completed(message=summary(caller.ended))
    except NotDue as error:
        caller.error = error
        return Completed(name=SKIPPED, message=error.message)
    except Locked as error:
        caller.error = error
        return Completed(name=SKIPPED, message=f"left to the next tick: {error.message}")
    except CancelledError as error:
        caller.error = error
        return Cancelled(message=sentence(error))
    except BatonError as error:
        caller.error = error
        return failed(error)


def _looked_up(ref: EnvironmentRef, at: datetime, caller: Caller) -> tuple[Due, Request]:
    """What is to be done, and what to ask for. Raises NotDue, Cancelled."""
    registry = Registry.open(settings.load())
    try:
        environment = registry.store.environment(ref)
        early = (at - registry.clock.now()).total_seconds()
        if 0 < early <= EARLY.total_seconds() and caller.cancel.wait(early):
            raise CancelledError(f"stopped before the end of {ref} had come ({caller.cancel.reason})")
        now = registry.clock.now()
        words = why_not(environment, ref, at, now)
        one = due(environment, now) if environment else None
        if words or environment is None or one is None or not one.ended:
            raise NotDue(
                words or f"{ref} rests after a teardown that failed; the tick tries again. Nothing was touched"
            )
        return one, request_for(one, environment, registry, wait=PATIENCE.total_seconds())
    finally:
        registry.close()


def why_not(environment: Environment | None, ref: EnvironmentRef, at: datetime, now: datetime) -> str:
    """Why an environment's end is not at this instant (any more), in a sentence; empty where it is."""
    said = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    if environment is None or not stands(environment):
        return f"{ref} does not stand any more: there is nothing to take down at {said}"
    if at > now:
        return f"the end of {ref} is at {said}, and it is not that late yet. Nothing was touched"
    if any(end.at == at for end in over(environment, now)):
        return ""
    to_come = [end for end in ends(environment, now) if end.at > now]
    moved = f"it is to be taken down at {to_come[0].at:%Y-%m-%d %H:%M:%S} UTC now" if to_come else "it was taken back"
    return f"the end of {ref} is not at {said} any more: {moved}. Nothing was touched"
