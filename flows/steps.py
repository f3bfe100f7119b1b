"""Runs a lifecycle's steps as task runs of the engine. The journal is the only memory: no retries, cache or results."""

import logging
from collections.abc import Callable
from contextvars import copy_context

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.board import Board
from lifecycle.events import Event, Level
from lifecycle.journal import Outcome, Status, Step
from lifecycle.observed import Reviewed
from lifecycle.ports import EventSink, RunStep

_LEVELS = {Level.DEBUG: logging.DEBUG, Level.INFO: logging.INFO, Level.WARNING: logging.WARNING}


def task_per_step(board: Board) -> RunStep:
    """A `run_step` that makes every step a task run of the flow run that calls this, named and shown as `board` says."""
    context = copy_context()  # steps run in threads of the loop's own, which know nothing of the flow run

    def run_step(step: Step, act: Callable[[], Outcome]) -> Outcome:
        return context.copy().run(_as_task_run, step, act, board)

    return run_step


def _as_task_run(step: Step, act: Callable[[], Outcome], board: Board) -> Outcome:
    """No tags: for a task run that has some, the engine's server is asked for a slot before it may begin."""
    ended: list[Outcome] = []

    @task(
        name=step.kind.value,
        task_run_name=board.title(step).replace("{", "{{").replace("}", "}}"),
        persist_result=False,
        cache_policy=NO_CACHE,
        retries=0,
        log_prints=False,
    )
    def run() -> State | None:
        outcome = act()
        ended.append(outcome)
        board.finished(outcome)
        if _asks(outcome):  # a question is no failure
            return Completed(name="Asks", message=outcome.message)
        return None if outcome.status is Status.OK else Failed(message=outcome.message)

    state = run(return_state=True)
    if not ended:
        raise RuntimeError(f"its task run ended as {state.name}: {state.message}")
    return ended[0]


def _asks(outcome: Outcome) -> bool:
    found = outcome.result
    if not isinstance(found, Reviewed) or not found.refused or found.preview.denied or found.review is None:
        return False
    return found.review.rejection is None


def logging_to_run(sink: EventSink) -> EventSink:
    """A sink that also writes what matters into the flow run's log, where the UI shows it."""
    logger = get_run_logger()

    def log(event: Event) -> None:
        sink(event)
        if event.type in _TOLD or event.level in (Level.WARNING, Level.ERROR):
            logger.log(_LEVELS.get(event.level, logging.ERROR), "%s", _line(event))

    return log


_TOLD = frozenset({"run.started", "environment.phase", "step.started", "step.finished"})


def _line(event: Event) -> str:
    if event.type == "step.finished":
        return f"{event.data.get('title', event.step)}: {event.message} ({event.data.get('seconds', 0):.1f} s)"
    return event.message
