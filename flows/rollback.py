"""The verb `rollback` as a flow."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows import parameters
from flows.parameters import Revision, Wait
from flows.request import Request, rollback_name
from flows.verbs import run
from lifecycle.desired import Goal
from lifecycle.environment import EnvironmentRef


@flow(name="rollback", flow_run_name=rollback_name, persist_result=False, retries=0, log_prints=False)
def rollback(environment: parameters.EnvironmentRef, revision: Revision = 0, wait: Wait = 0) -> State:
    """Bring an environment back to what it was asked to be before: blueprint, inputs, modules and playbooks.

    Args:
        environment: The environment as BLUEPRINT/NAME.
        revision: Number of the revision. 0: the last one that was ready before the current one.
        wait: Seconds to wait for the environment while another run holds it. 0: end at once, and name that run.
    """
    ref = EnvironmentRef.parse(environment)
    words = f"a rollback to revision {revision}" if revision else "a rollback to what was ready before"
    request = Request(blueprint=ref.blueprint, environment=ref.name, wait=wait, revision=revision, because=words)
    return run(Goal.UP, request)
