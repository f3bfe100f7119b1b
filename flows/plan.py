"""The verb `plan` as a flow."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.request import Request, run_name
from flows.verbs import run
from lifecycle.desired import Goal


@flow(name="plan", flow_run_name=run_name, persist_result=False, retries=0, log_prints=False)
def plan(
    blueprint: str,
    environment: str = "dev",
    inputs: dict[str, Any] | None = None,
    wait: float = 0,
    lease: float | None = None,
) -> State:
    """Show what an up would do, without doing it.

    Args:
        blueprint: Path of the blueprint: its file, or a folder that holds a blueprint.yaml.
        environment: Name of the environment.
        inputs: Values for the blueprint's inputs. Never secrets: the blueprint says where those come from.
        wait: Seconds to wait for the environment while another run holds it. 0: end at once, and name that run.
        lease: Longest time that it may stand, in seconds, where the blueprint grants none or a longer one.
    """
    request = Request(blueprint=blueprint, environment=environment, inputs=inputs or {}, wait=wait, lease=lease)
    return run(Goal.PLAN, request)
