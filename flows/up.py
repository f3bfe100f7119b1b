"""The verb `up` as a flow."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.parameters import AutoApprove, Blueprint, Environment, Inputs, LeaseLimit, Wait
from flows.request import Request, run_name
from flows.verbs import run
from lifecycle.desired import Goal


@flow(name="up", flow_run_name=run_name, persist_result=False, retries=0, log_prints=False)
def up(
    blueprint: Blueprint,
    environment: Environment = "dev",
    inputs: Inputs = {},  # noqa: B006 - read only; None would make a choice of types of the form's field
    wait: Wait = 0,
    auto_approve: AutoApprove = False,
    lease: LeaseLimit = None,
) -> State:
    """Bring an environment up: plan, apply, await, configure, verify; what stands already is left alone.

    Args:
        blueprint: A bundle (store:NAME or store:NAME@VERSION, as baton publish prints it), a folder in git
            (git+https://HOST/REPOSITORY.git//FOLDER?ref=REF), or a path on the machine of the worker.
        environment: Name of the environment.
        inputs: Values for the blueprint's inputs. Never secrets: the blueprint says where those come from.
        wait: Seconds to wait for the environment while another run holds it. 0: end at once, and name that run.
        auto_approve: Approve what the blueprint lets a pipeline approve.
        lease: Longest time that it may stand, in seconds, where the blueprint grants none or a longer one.
    """
    request = Request(
        blueprint=blueprint,
        environment=environment,
        inputs=inputs,
        wait=wait,
        auto_approve=auto_approve,
        lease=lease,
    )
    return run(Goal.UP, request)
