"""The verb `up` as a flow."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.request import Request, run_name
from flows.verbs import run
from lifecycle.desired import Goal


@flow(name="up", flow_run_name=run_name, persist_result=False, retries=0, log_prints=False)
def up(
    blueprint: str,
    environment: str = "dev",
    inputs: dict[str, Any] | None = None,
    wait: float = 0,
    auto_approve: bool = False,
    lease: float | None = None,
) -> State:
    """Bring an environment up: plan, apply, await, configure, verify; what stands already is left alone.

    Args:
        blueprint: Path of the blueprint: its file, or a folder that holds a blueprint.yaml.
        environment: Name of the environment.
        inputs: Values for the blueprint's inputs. Never secrets: the blueprint says where those come from.
        wait: Seconds to wait for the environment while another run holds it. 0: end at once, and name that run.
        auto_approve: Approve what the blueprint lets a pipeline approve.
        lease: Longest time that it may stand, in seconds, where the blueprint grants none or a longer one.
    """
    request = Request(
        blueprint=blueprint,
        environment=environment,
        inputs=inputs or {},
        wait=wait,
        auto_approve=auto_approve,
        lease=lease,
    )
    return run(Goal.UP, request)
