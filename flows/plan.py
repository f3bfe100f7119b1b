"""The verb `plan` as a flow."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.parameters import Blueprint, Environment, Inputs, LeaseLimit, Wait
from flows.request import Request, run_name
from flows.verbs import run
from lifecycle.desired import Goal


@flow(name="plan", flow_run_name=run_name, persist_result=False, retries=0, log_prints=False)
def plan(
    blueprint: Blueprint,
    environment: Environment = "dev",
    inputs: Inputs = {},  # noqa: B006 - read only; None would make a choice of types of the form's field
    wait: Wait = 0,
    lease: LeaseLimit = None,
) -> State:
    """Show what an up would do, without doing it.

    Args:
        blueprint: A bundle (store:NAME or store:NAME@VERSION, as baton publish prints it), a folder in git
            (git+https://HOST/REPOSITORY.git//FOLDER?ref=REF), or a path on the machine of the worker.
        environment: Name of the environment.
        inputs: Values for the blueprint's inputs. Never secrets: the blueprint says where those come from.
        wait: Seconds to wait for the environment while another run holds it. 0: end at once, and name that run.
        lease: Longest time that it may stand, in seconds, where the blueprint grants none or a longer one.
    """
    request = Request(blueprint=blueprint, environment=environment, inputs=inputs, wait=wait, lease=lease)
    return run(Goal.PLAN, request)
