"""The engine's API as commands use it: deployments, runs of them, and runs that wait for an answer.

What talks to it runs in a process whose `PREFECT_API_URL` is set (`baton.engine.use`).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from httpx import HTTPStatusError, TransportError
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
)
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

from lifecycle.errors import BatonError, ExitCode

DEPLOYMENT: Final = "baton"
"""The name of every deployment, beside its flow's: `up/baton`, `down/baton`, ..."""
POOL: Final = "baton"
"""The work pool that they run in."""
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
