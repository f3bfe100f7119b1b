"""The automations as they are declared: what starts each, and what must not."""

from datetime import timedelta
from uuid import UUID

from prefect.events.actions import DoNothing, RunDeployment
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import Resource, ResourceSpecification

from flows.automations import ALERT, ALERTS, CRASHED, SILENCE, SILENT, declared
from flows.telling import EVENTS, resource_id
from lifecycle.environment import EnvironmentRef
from lifecycle.lock import LEASE

TICK = UUID(int=7)
BY_NAME = {one.name: one for one in declared(TICK, [DoNothing()])}


def trigger(name: str) -> EventTrigger:
    found = BY_NAME[name].trigger
    assert isinstance(found, EventTrigger)
    return found


def test_a_run_is_silent_only_after_three_heartbeats_and_never_while_it_waits_or_once_it_has_ended() -> None:
    silent = trigger(SILENT)
    assert silent.posture is Posture.Proactive
    assert silent.within == SILENCE > 3 * timedelta(seconds=30)
    assert silent.after == {"prefect.flow-run.heartbeat"}
    # every change of its state is an event that it is heard by, whatever the state is called (Suspended, Rejected, ...)
    assert silent.expect == {"prefect.flow-run.*"}


def test_a_tick_comes_once_the_dead_run_s_lock_has_run_out() -> None:
    (action,) = BY_NAME[CRASHED].actions
    assert isinstance(action, RunDeployment)
    assert (action.deployment_id, action.schedule_after) == (TICK, LEASE)
    assert trigger(CRASHED).expect == {"prefect.flow-run.Crashed"}


def test_both_look_at_runs_of_baton_s_deployments_alone() -> None:
    for name in (SILENT, CRASHED):
        related = trigger(name).match_related
        assert isinstance(related, ResourceSpecification)
        assert related.model_dump() == {"prefect.resource.id": "prefect.tag.baton", "prefect.resource.role": "tag"}


def test_an_alert_matches_the_resource_that_our_events_are_about() -> None:
    alert = trigger(ALERT)
    assert alert.expect == {f"{EVENTS}.{what}" for what in ALERTS}
    assert isinstance(alert.match, ResourceSpecification)
    assert alert.match.matches(Resource({"prefect.resource.id": resource_id(EnvironmentRef("shop", "dev"))}))
    assert not alert.match.matches(Resource({"prefect.resource.id": "prefect.flow-run.x"}))
