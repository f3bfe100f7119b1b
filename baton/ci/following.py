"""A deployment started and followed to its end: its log lines, and an exit code that says which end it was."""

import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from adapters import settings as settings_of
from baton import console, engine
from baton.ci.narrating import Sections, harmless, write
from baton.ci.surroundings import System
from lifecycle.blueprint.scalars import format_duration
from lifecycle.errors import BatonError, ExitCode

FLUSH = 3.0
"""Seconds in which the last lines of a run that has ended still come: its process writes them when it ends."""


class NotWell(BatonError):
    """A run that was followed did not complete. How it ended is its exit code."""

    def __init__(self, message: str, hint: str, code: ExitCode, facts: Mapping[str, Any]) -> None:
        self.exit_code = code  # type: ignore[misc]
        super().__init__(message, hint=hint, facts=facts)


@dataclass(frozen=True, slots=True)
class Followed:
    """A run that completed."""

    name: str
    id: str
    message: str


def follow(
    verb: str, parameters: Mapping[str, Any], *, patience: timedelta | None, cancel: bool, system: System
) -> Followed:
    """Start a verb's deployment and follow its run. Raises NotWell, NotDeployed, EngineAway.

    `cancel`: the run is cancelled where the time is over, or where this process is told to stop; else it goes on alone.
    """
    engine.use(settings_of.load(), console.tell)
    client_of, runs = import_module("flows.client"), import_module("flows.following")
    sections = Sections(system, write)
    with client_of.api() as client:
        run = client_of.start(client, verb, parameters, tags=("ci",))
        page = runs.page(run)
        sections.begin(f"{verb}/{client_of.DEPLOYMENT}: {run.name}" + (f" {page}" if page else ""))
        log = runs.Log(client, run.id)
        seconds = patience.total_seconds() if patience else None
        try:
            with _stopped_by_sigterm():
                state = runs.watch(client, run.id, patience=seconds, tell=_state, look=_telling(log), over=_over)
                if state is not None:
                    runs.settle(_telling(log), FLUSH)
        except KeyboardInterrupt:
            words = f"the run {run.name} goes on: nobody follows it any more"
            if cancel:
                runs.cancel(client, run.id)
                words = f"the run {run.name} was asked to stop"
            raise NotWell(words, _look(run.id), ExitCode.INTERRUPTED, {"flow_run": str(run.id)}) from None
        finally:
            sections.end()
        now = runs.read(client, run.id)
        code = runs.exit_code(now) if state is not None else ExitCode.TIMED_OUT
        if code is ExitCode.TIMED_OUT and cancel:
            runs.cancel(client, run.id)
    if code is ExitCode.OK:
        return Followed(run.name, str(run.id), now.state.message or "")
    raise _unwell(now, code, patience, cancel=cancel, page=page)


def _unwell(run: Any, code: ExitCode, patience: timedelta | None, *, cancel: bool, page: str) -> NotWell:
    """Say how a run that did not complete stands."""
    state = run.state
    message, hint = state.message or f"the run {run.name} ended {state.name}", _look(run.id)
    if code is ExitCode.TIMED_OUT:
        after = format_duration(patience) if patience else ""
        message = f"the run {run.name} is {state.name.lower()} after {after}"
        message += ", and was asked to stop" if cancel else ", and goes on"
        if state.type.value == "SCHEDULED":
            hint = f"no worker has taken it up: is one alive? {hint}"
    elif code is ExitCode.APPROVAL_NEEDED and state.type.value == "PAUSED":
        message = f"the run {run.name} waits for an answer: {state.message or state.name}"
        hint = f"answer it with `baton approve`, or on its page: {page or run.id}"
    elif code is ExitCode.CRASHED:
        message = f"the run {run.name} crashed: {state.message or 'nobody knows why'}"
        hint = f"the next tick goes on with it, or run it again; {hint}"
    return NotWell(message, hint, code, {"flow_run": str(run.id), "state": state.name})


def _look(run: Any) -> str:
    return f"see: prefect flow-run logs {run}"


def _over(state: Any) -> bool:
    return bool(state.is_final() or state.is_paused())


def _state(state: Any) -> None:
    words = f": {state.message}" if state.message and state.is_final() else ""
    write(harmless(f"== {state.name}{words}"))


def _telling(log: Any) -> Callable[[], None]:
    def tell() -> None:
        for at, level, message in log.new():
            write(_line(at, level, message))

    return tell


def _line(at: datetime, level: int, message: str) -> str:
    """`13:07:12 message`; from a warning on the level's name stands before it."""
    name = f"{logging.getLevelName(level)}: " if level >= logging.WARNING else ""
    return harmless(f"{at:%H:%M:%S} {name}{message}")


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """CI systems end a job with SIGTERM: here it is Ctrl-C."""

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
