"""The engine's API as commands use it: deployments, runs of them, and runs that wait for an answer.

What talks to it runs in a process whose `PREFECT_API_URL` is set (`baton.engine.use`).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from httpx import HTTPError, HTTPStatusError, TransportError
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    LogFilter,
    LogFilterFlowRunId,
    LogFilterTimestamp,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling, Scheduled
from prefect.utilities.urls import url_for

from lifecycle.errors import BatonError, ExitCode

DEPLOYMENT: Final = "baton"
"""The name of every deployment, beside its flow's: `up/baton`, `down/baton`, ..."""
POOL: Final = "baton"
"""The work pool that they run in."""
LOOK_EVERY: Final = 2.0
"""Seconds between two looks at a run that is watched."""
LATE_LINES: Final = timedelta(seconds=15)
"""How much a line of a run's log may come later than a younger one of another process."""
PAGE: Final = 200
"""Lines of a log that the engine gives at once at most."""
EXIT_CODE: Final = "baton.exit_code"
"""The label of a flow run that failed: what the command line would have ended with. A state has no place for it."""
ABOUT_TO_WAIT: Final = 30.0
"""Seconds that a run has to suspend itself after it has asked."""
Ask = Callable[[SyncPrefectClient], object]
"""What somebody wants of the engine."""


class EngineAway(BatonError):
    """The engine's server does not answer."""


class EngineRefused(BatonError):
    """The engine's server refused what it was asked for."""


class NotDeployed(BatonError):
    """The engine knows no deployment of this verb."""

    exit_code = ExitCode.USAGE


class NotWaiting(BatonError):
    """This flow run does not wait for an answer."""


@contextmanager
def api() -> Iterator[SyncPrefectClient]:
    """A client of the engine's API. Raises EngineAway where it does not answer, EngineRefused where it says no."""
    try:
        with get_client(sync_client=True) as client:
            yield client
    except TransportError as error:
        raise EngineAway(f"the engine does not answer: {error}", hint="look at it with: baton server status") from None
    except HTTPStatusError as error:
        code, words = error.response.status_code, error.response.text[:300]
        hint = "where Baton is newer than what is deployed, deploy again: prefect --no-prompt deploy --all"
        raise EngineRefused(f"the engine refused it ({code}): {words}", hint=hint) from None


def deployed(client: SyncPrefectClient, verb: str) -> DeploymentResponse:
    """The deployment of a verb. Raises NotDeployed."""
    name = f"{verb}/{DEPLOYMENT}"
    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound:
        raise NotDeployed(
            f"the engine at {client.api_url} knows no deployment {name}",
            hint="deploy Baton's flows with: baton serve (or: prefect --no-prompt deploy --all)",
        ) from None


def deployments(client: SyncPrefectClient) -> list[str]:
    """Every deployment of Baton's that the engine knows, as `VERB/baton`."""
    wanted = DeploymentFilter(name=DeploymentFilterName(any_=[DEPLOYMENT]))
    found = client.read_deployments(deployment_filter=wanted)
    flows = {flow.id: flow.name for flow in client.read_flows()}
    return sorted(f"{flows[one.flow_id]}/{one.name}" for one in found if one.flow_id in flows)


def start(
    client: SyncPrefectClient,
    verb: str,
    parameters: Mapping[str, Any],
    *,
    at: datetime | None = None,
    tags: Iterable[str] = (),
    name: str | None = None,
    key: str | None = None,
) -> FlowRun:
    """A run of a verb's deployment, now or at a time; with a `key`, the run that was made with it before. Raises NotDeployed."""
    deployment = deployed(client, verb)
    state: State[Any] | None = Scheduled(scheduled_time=at) if at else None
    return client.create_flow_run_from_deployment(
        deployment.id,
        parameters=dict(parameters),
        state=state,
        name=name,
        tags=sorted({*deployment.tags, *tags}),
        idempotency_key=key,
    )


def resume(client: SyncPrefectClient, run: UUID, values: Mapping[str, Any]) -> None:
    """Answer a run that waits for one; a worker goes on with it. Raises NotWaiting."""
    result = client.resume_flow_run(run, run_input=dict(values))
    if result.status.value != "ACCEPT":
        reason = getattr(result.details, "reason", "") or "it is not suspended"
        raise NotWaiting(f"the flow run {run} was not resumed: {reason}")


def note_exit_code(run: str | None, code: ExitCode) -> None:
    """Label a flow run with its exit code, for whoever follows it. Where the engine is away the state alone has to say it."""
    with suppress(EngineAway, HTTPError), api() as client:
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


def answer(run: UUID, values: Mapping[str, Any], patience: float = ABOUT_TO_WAIT) -> str:
    """Resume the run that waits with a form; its name. A run that has just asked may not be suspended yet: it gets a moment.

    Raises NotWaiting, EngineAway.
    """
    until = time.monotonic() + patience
    with api() as client:
        while True:
            try:
                known = client.read_flow_run(run)
                resume(client, run, values)
            except ObjectNotFound:
                raise NotWaiting(f"the engine at {client.api_url} knows no flow run {run}") from None
            except NotWaiting:
                if known.state is None or known.state.is_final() or time.monotonic() >= until:
                    raise
                time.sleep(1)
            else:
                return known.name


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
