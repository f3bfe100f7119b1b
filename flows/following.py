"""Runs of deployments, followed to their end: their log lines, and the exit code that says which end it was."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId, LogFilterTimestamp
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelling
from prefect.utilities.urls import url_for

from flows.client import EngineAway, EngineRefused, api
from lifecycle.errors import ExitCode

LOOK_EVERY: Final = 2.0
"""Seconds between two looks at a run that is watched."""
LATE_LINES: Final = timedelta(seconds=15)
"""How much a line of a run's log may come later than a younger one of another process."""
PAGE: Final = 200
"""Lines of a log that the engine gives at once at most."""
EXIT_CODE: Final = "baton.exit_code"
"""The label of a flow run that failed: what the command line would have ended with. A state has no place for it."""


def note_exit_code(run: str | None, code: ExitCode) -> None:
    """Label a flow run with its exit code, for whoever follows it. Where the engine is away the state alone has to say it."""
    with suppress(EngineAway, EngineRefused, HTTPError), api() as client:
        client.update_flow_run_labels(UUID(run), {EXIT_CODE: int(code)})


def exit_code(run: FlowRun) -> ExitCode:
    """What a run that has ended, or waits for an answer, comes to."""
    state = run.state
    match state.type if state else None:
        case StateType.COMPLETED:
            return ExitCode.OK
        case StateType.CANCELLED:
            return ExitCode.INTERRUPTED
        case StateType.CRASHED:
            return ExitCode.CRASHED
        case StateType.PAUSED:
            return ExitCode.APPROVAL_NEEDED
        case StateType.FAILED:
            with suppress(ValueError, TypeError, KeyError):
                return ExitCode(int(run.labels[EXIT_CODE]))
            return ExitCode.FAILED
        case _:
            return ExitCode.TIMED_OUT


def cancel(client: SyncPrefectClient, run: UUID) -> None:
    """Ask a run to stop, as the engine's Cancel does: its worker tells it."""
    client.set_flow_run_state(run, Cancelling())


def page(run: FlowRun) -> str:
    """Address of a run's page; empty where the engine has none."""
    return url_for("flow-run", obj_id=run.id) or ""


def read(client: SyncPrefectClient, run: UUID) -> FlowRun:
    """A flow run as it is now."""
    return client.read_flow_run(run)


class Log:
    """The lines of a run's log, in order, each told once. Several processes write it, so a line may come late."""

    def __init__(self, client: SyncPrefectClient, run: UUID) -> None:
        self._client, self._run = client, run
        self._told = set[UUID]()
        self._from: datetime | None = None

    def new(self) -> Iterator[tuple[datetime, int, str]]:
        """(UTC, level as Python's logging has it, text) of every line that was not told yet."""
        offset = 0
        since = self._from - LATE_LINES if self._from else None
        while lines := self._client.read_logs(self._filter(since), limit=PAGE, offset=offset):
            offset += len(lines)
            for line in lines:
                if line.id not in self._told:
                    self._told.add(line.id)
                    self._from = max(self._from or line.timestamp, line.timestamp)
                    yield line.timestamp, line.level, line.message

    def _filter(self, since: datetime | None) -> LogFilter:
        after = LogFilterTimestamp(after_=since) if since else None
        return LogFilter(flow_run_id=LogFilterFlowRunId(any_=[self._run]), timestamp=after)


def watch(
    client: SyncPrefectClient,
    run: UUID,
    *,
    patience: float | None,
    tell: Callable[[State[Any]], None] = lambda _: None,
    look: Callable[[], None] = lambda: None,
    over: Callable[[State[Any]], bool] = lambda state: state.is_final(),
) -> State[Any] | None:
    """Wait for a run's end, for so many seconds at most (None: for ever), and tell of each new state. None: time is over.

    `look` is called at every look; `over` says which states end the watch.
    """
    until = time.monotonic() + patience if patience is not None else None
    before: State[Any] | None = None
    while True:
        state: State[Any] | None = client.read_flow_run(run).state
        look()
        if state is not None and (before is None or state.id != before.id):
            before = state
            tell(state)
        if state is not None and over(state):
            return state
        if until is not None and time.monotonic() >= until:
            return None
        time.sleep(LOOK_EVERY)


def settle(look: Callable[[], None], seconds: float) -> None:
    """Look again for a moment: the last lines of a run's log come after its state."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(LOOK_EVERY / 2)
        look()
