"""Questions that nobody answers any more: their time is over, or the run that waited is gone. A tick closes them."""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

from adapters.process.owner import current_owner
from adapters.registry import Registry
from flows.client import api
from flows.work import warning
from lifecycle.approval import Waiting
from lifecycle.asking import closed, expiry, open_question, overdue
from lifecycle.environment import Environment
from lifecycle.errors import BatonError
from lifecycle.holding import holding
from lifecycle.lock import Locked
from lifecycle.ports import Cancellation, EventSink
from lifecycle.report.words import go_on_command

_GOES_ON = frozenset({StateType.PAUSED, StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING})


def close_question(known: Environment, registry: Registry, sink: EventSink) -> None:
    """Close an environment's question where nobody waits for the answer. Where somebody works on it, the next tick does."""
    now = registry.clock.now()
    if not _why(known, now):
        return
    try:
        with holding(registry.store, known.ref, current_owner(flow_run.id or ""), Cancellation()) as lock:
            environment = registry.store.environment(known.ref)
            if environment is None or not (why := _why(environment, now)):
                return
            changed, drafts = closed(environment, now, why)
            registry.store.transition(lock, changed, drafts)
    except Locked:
        return
    words = f"{changed.ref}: {changed.message}; ask again with: {go_on_command(changed)}"
    warning("approval.closed", sink)(words)


def _why(environment: Environment, now: datetime) -> str:
    """Why nobody waits for an answer any more; empty where somebody does, or nobody ever did."""
    question = open_question(environment)
    if question is None or question.waiting is None:
        return ""
    return expiry(question) if overdue(environment, now) else _gone(question.waiting)


def _gone(waiting: Waiting) -> str:
    """What became of the run that should wait. An engine that cannot be asked has lost nothing."""
    with suppress(BatonError), api() as client:
        try:
            state = client.read_flow_run(UUID(waiting.flow_run)).state
        except ObjectNotFound:
            return "the engine does not know its run any more"
        if state is not None and state.type not in _GOES_ON:
            return f"its run ended {state.name}"
    return ""
