"""Environments' ends in the engine: each a scheduled run of `down`, so that the UI shows what will happen, and when.

The store alone says when an environment ends; the engine's runs are made to say the same, again and again. So a run that
somebody deleted, or that went with its deployment, comes back, and one whose end was moved or taken back goes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled

from flows import client as engine
from flows.telling import tag_of
from lifecycle.ends import ends, stands
from lifecycle.environment import Environment, EnvironmentRef

MARK = "appointed"
"""The tag of a run that was made for an environment's end, beside the environment's own."""
PAGE = 200
"""Runs that the engine's API gives at once."""

Shown = Mapping[EnvironmentRef, frozenset[datetime]]
"""The ends of environments that the engine has a scheduled run for."""


def show(client: SyncPrefectClient, environments: Sequence[Environment], now: datetime) -> Shown:
    """Make the engine's scheduled runs say what these environments' facts say. Raises NotDeployed, EngineAway."""
    engine.deployed(client, "down")
    return {environment.ref: _shown(client, environment, now) for environment in environments}


def seen(client: SyncPrefectClient, environments: Iterable[Environment]) -> Shown:
    """Which ends the engine has a run for. Changes nothing."""
    return {e.ref: frozenset(at for at, run in _by_time(_runs(client, e.ref)) if _waits(run)) for e in environments}


def show_quietly(environments: Sequence[Environment], now: datetime) -> None:
    """The same at the end of a run, which is not to fail for it. Where nothing is deployed there is nothing to show."""
    try:
        with engine.api() as client:
            show(client, environments, now)
    except engine.NotDeployed:
        return
    except Exception as error:  # whatever its client makes of being away; the next tick does it
        get_run_logger().warning("the engine does not show when %d environments end: %s", len(environments), error)


def _shown(client: SyncPrefectClient, environment: Environment, now: datetime) -> frozenset[datetime]:
    ref = environment.ref
    wanted = {end.at for end in ends(environment, now)} if stands(environment) else set()
    runs = _by_time(_runs(client, ref))
    waiting: dict[datetime, FlowRun] = {}
    for at, run in runs:
        if not _waits(run):
            continue
        if at in wanted and at not in waiting:
            waiting[at] = run
            continue
        words = f"the end of {ref} is not at {at:%Y-%m-%d %H:%M:%S} UTC any more"
        client.set_flow_run_state(run.id, Cancelled(message=words))
    for at in sorted(wanted - waiting.keys()):
        if at <= now:  # the tick does it
            continue
        before = sum(1 for then, _ in runs if then == at)
        parameters = {"blueprint": ref.blueprint, "environment": ref.name, "appointed": at.isoformat()}
        waiting[at] = engine.start(
            client,
            "down",
            parameters,
            at=at,
            tags=(tag_of(ref), MARK),
            name=f"down {ref} as appointed",
            key=f"{ref} {at.isoformat()} {before}",  # two that ask at once make one run
        )
    return frozenset(waiting)


def _waits(run: FlowRun) -> bool:
    return run.state_type is StateType.SCHEDULED


def _by_time(runs: Iterable[FlowRun]) -> list[tuple[datetime, FlowRun]]:
    """(the end that it is for, run), of those that say it."""
    found = []
    for run in runs:
        text = run.parameters.get("appointed")
        if isinstance(text, str):
            found.append((datetime.fromisoformat(text).astimezone(UTC), run))
    return found


def _runs(client: SyncPrefectClient, ref: EnvironmentRef) -> Sequence[FlowRun]:
    """The latest runs that were made for an environment's ends, whatever became of them."""
    tags = FlowRunFilter(tags=FlowRunFilterTags(all_=[tag_of(ref), MARK]))
    return client.read_flow_runs(flow_run_filter=tags, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=PAGE)
