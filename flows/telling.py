"""Events about environments for the engine: what automations, other flows and people may react to."""

from contextlib import suppress
from typing import Any, Final

from prefect.context import FlowRunContext
from prefect.events import emit_event

from lifecycle.environment import EnvironmentRef

EVENTS: Final = "baton.environment"
"""How the name of every event of ours begins, and the id of the resource that it is about."""


def tag_of(ref: EnvironmentRef) -> str:
    """The tag of an environment's flow runs and task runs."""
    return f"environment:{ref}"


def resource_id(ref: EnvironmentRef) -> str:
    return f"{EVENTS}.{ref.blueprint}.{ref.name}"


def tell(what: str, ref: EnvironmentRef, **payload: Any) -> None:
    """Emit `baton.environment.WHAT`, with the environment as its resource and the flow run that says it as related to it.

    Everything in `payload` must be masked. An engine that does not hear it fails nothing; outside of a flow run nothing is said.
    """
    if FlowRunContext.get() is None:  # there may be no engine: Prefect would start one for the event
        return
    resource = {
        "prefect.resource.id": resource_id(ref),
        "prefect.resource.name": str(ref),
        "baton.blueprint": ref.blueprint,
        "baton.environment": ref.name,
    }
    with suppress(Exception):
        emit_event(f"{EVENTS}.{what}", resource, payload=payload)
