"""The flow that a worker runs for benchmarks/engine.py: an `up` over the fakes."""

import time

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from benchmarks.support.rehearsed import rehearse
from flows.board import Board
from flows.steps import task_per_step
from lifecycle.desired import Goal


@flow(name="rehearse", persist_result=False, retries=0, log_prints=False)
def rehearsed(name: str = "one", hosts: int = 4, scale: float = 0.1) -> State:
    """Bring up a fake shop. Its log says when its body and its first step began, its state how it ended."""
    log = get_run_logger()
    log.info("body %.3f", time.time())
    first: list[float] = []
    run_step = task_per_step(Board(Goal.UP, lambda told: told))

    def noting(step, act):  # type: ignore[no-untyped-def]
        def noted():  # type: ignore[no-untyped-def]
            if not first:
                first.append(time.time())
                log.info("tool %.3f", first[0])
            return act()

        return run_step(step, noted)

    found = rehearse(name, hosts, scale, noting)
    log.info("ended")
    words = f"{found['phase']} with {found['hosts']} hosts, {found['task_runs']} task runs"
    return Completed(message=words) if found["phase"] == "ready" else Failed(message=words)
