"""Telling the engine of runs of ours that it believes in and that are dead: the lock of an environment knows better.

A process that is killed with its worker, or on a machine that is lost, can tell nobody. The lock that it held names its flow
run; it has run out, or its owner is provably gone, or somebody else took it. Then the engine is told, by whoever finds it.
"""

from datetime import datetime, timedelta
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Crashed, Failed

from adapters.process.owner import alive, gone
from flows import client as engine
from lifecycle.environment import Environment, Phase
from lifecycle.lock import Lock, Owner
from lifecycle.ports import Store

_GOES_ON = frozenset({StateType.RUNNING, StateType.CANCELLING})
SILENCE = timedelta(seconds=45)
"""How long after its lock has run out a run on another machine is taken for dead. It renews the lock every few seconds."""


def tell_taken_over(lock: Lock) -> None:
    """Tell of the run that held this lock before and never gave it back. What keeps us from it is logged; the run goes on."""
    before = lock.taken_from
    if before is not None and _other(before.flow_run) and not alive(before):  # who lives tells its own end
        _quietly(
            lambda client: _crashed(client, before, f"the flow run {flow_run.id or 'of another process'} took over")
        )


def tell_dead(store: Store, now: datetime) -> None:
    """Tell of every run whose process is dead, and which the engine takes for running. What keeps us from it is logged."""
    left = [(e, lock) for e in store.environments() if (lock := store.left(e.ref)) and _other(lock.owner.flow_run)]

    def tell(client: SyncPrefectClient) -> None:
        for environment, lock in left:
            _told(client, environment, lock, now)

    if left:
        _quietly(tell)


def _other(run: str) -> bool:
    return bool(run) and run != str(flow_run.id or "")


def _told(client: SyncPrefectClient, environment: Environment, lock: Lock, now: datetime) -> None:
    dead = gone(lock.owner)
    if not lock.given_back:
        if dead:
            _crashed(client, lock.owner, "it is gone")
        elif not alive(lock.owner) and now - lock.expires_at > SILENCE:
            _crashed(
                client, lock.owner, f"it was not heard of since its lock ran out at {lock.expires_at:%H:%M:%S} UTC"
            )
    elif dead and (run := _running(client, lock.owner)):
        client.set_flow_run_state(run.id, _ended(environment, run), force=True)


def _ended(environment: Environment, run: FlowRun) -> State:
    """The state of a run that ended by itself while the engine was not there to be told."""
    words = f"it ended while the engine was away; {environment.ref} is {environment.phase.label}"
    words += f": {environment.message}" if environment.message else ""
    if (run.name or "").startswith("tick"):
        return Crashed(message=words)
    match environment.phase:
        case Phase.READY | Phase.DESTROYED:
            return Completed(message=words)
        case Phase.FAILED | Phase.QUARANTINED:
            return Failed(message=words)
        case _:
            return Crashed(message=words)


def _crashed(client: SyncPrefectClient, owner: Owner, how: str) -> None:
    run = _running(client, owner)
    if run is None:
        return
    words = f"process {owner.pid} of {owner.person}, which this run was: {how}"
    cancelling = run.state_type is StateType.CANCELLING
    client.set_flow_run_state(run.id, (Cancelled if cancelling else Crashed)(message=words), force=True)
    get_run_logger().warning("told the engine that the flow run %s (%s) is dead: %s", run.name, run.id, words)


def _running(client: SyncPrefectClient, owner: Owner) -> FlowRun | None:
    """The run that the engine takes for running; None where it knows better, or knows none."""
    try:
        run = client.read_flow_run(UUID(owner.flow_run))
    except (ObjectNotFound, ValueError):  # of another engine
        return None
    return run if run.state_type in _GOES_ON else None


def _quietly(tell: engine.Ask) -> None:
    try:
        with engine.api() as client:
            tell(client)
    except Exception as error:  # whatever its client makes of being away; the next tick tells
        get_run_logger().warning("the engine could not be told of runs that are dead: %s", error)
