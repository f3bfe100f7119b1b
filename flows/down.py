"""The verb `down` as a flow."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.appointed import run_appointed
from flows.parameters import Appointed, Blueprint, Environment, Inputs, KeptRevision, Wait
from flows.request import Request, run_name
from flows.verbs import run
from lifecycle.desired import Goal
from lifecycle.environment import EnvironmentRef


@flow(name="down", flow_run_name=run_name, persist_result=False, retries=0, log_prints=False)
def down(
    blueprint: Blueprint,
    environment: Environment = "dev",
    inputs: Inputs = {},  # noqa: B006 - read only; None would make a choice of types of the form's field
    wait: Wait = 0,
    revision: KeptRevision = None,
    appointed: Appointed = None,
) -> State:
    """Take an environment down in reverse order, then look for what is left.

    Args:
        blueprint: A bundle (store:NAME or store:NAME@VERSION, as baton publish prints it), a folder in git
            (git+https://HOST/REPOSITORY.git//FOLDER?ref=REF), or a path on the machine of the worker.
        environment: Name of the environment.
        inputs: Values for the blueprint's inputs. Never secrets: the blueprint says where those come from.
        wait: Seconds to wait for the environment while another run holds it. 0: end at once, and name that run.
        revision: Where the blueprint is gone: a revision that the store keeps. Then `blueprint` is the blueprint's name.
        appointed: For scheduled runs: the end that this run is for. Where it was moved, taken back or done, nothing is touched.
            Then `blueprint` is the blueprint's name, and the store has the rest.
    """
    if appointed is not None:
        return run_appointed(EnvironmentRef(blueprint, environment), appointed)
    request = Request(blueprint=blueprint, environment=environment, inputs=inputs, wait=wait, revision=revision)
    return run(Goal.DOWN, request)
