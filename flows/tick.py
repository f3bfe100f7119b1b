"""The verb `tick` as a flow."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.parameters import Limit
from flows.ticking import run_tick
from lifecycle.due import LIMIT


@flow(name="tick", flow_run_name="tick", persist_result=False, retries=0, log_prints=False)
def tick(limit: Limit = LIMIT) -> State:
    """Do what is due: resume runs that died, retry teardowns, take down what has reached its end.

    Args:
        limit: How many environments are worked on at most; those that waited longest come first.
    """
    return run_tick(limit)
