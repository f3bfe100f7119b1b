"""An `up` over the fakes with the delays of a real one: the same conductor, journal and steps, without a tool.

    python -m benchmarks.support.rehearsed direct|engine HOSTS SCALE

prints one JSON line of what it took. As a module it also is the flow that a worker runs (benchmarks/engine.py deploys it).
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from adapters.clock import SystemClock
from adapters.fake.driving import ports_for, shop, world_of_shop
from adapters.process.owner import current_owner
from benchmarks.support import memory
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.journal import Kind, Outcome, Step
from lifecycle.lock import LEASE
from lifecycle.perform import perform
from lifecycle.ports import Cancellation, RunStep

DELAYS = {
    Kind.PLAN: 5.0,
    Kind.APPLY: 20.0,
    Kind.DISCOVER: 0.1,
    Kind.AWAIT: 1.0,
    Kind.CONFIGURE: 12.0,
    Kind.VERIFY: 0.5,
}
"""Seconds that a step takes in a real `up` of the shop on a quiet machine, roughly (benchmarks/shop.py measures them)."""
OTHERS = 2
"""Hosts of the fake shop that are no web servers: a database, a load balancer."""


def direct(_: Step, act: Callable[[], Outcome]) -> Outcome:
    """A `run_step` that only runs the step."""
    return act()


def rehearse(name: str, hosts: int, scale: float, run_step: RunStep) -> dict[str, float | str]:
    """Bring up a fake shop of so many hosts; its phase, steps and seconds."""
    steps = runs = 0

    def slowly(step: Step, act: Callable[[], Outcome]) -> Outcome:
        nonlocal steps, runs
        runs += 1
        steps += step.kind is not Kind.DISCOVER

        def slow() -> Outcome:
            time.sleep(DELAYS.get(step.kind, 0) * scale)
            return act()

        return run_step(step, slow)

    desired = replace(shop(web=hosts - OTHERS), ref=EnvironmentRef("shop", name))
    clock = SystemClock()
    ports = replace(ports_for(world_of_shop()), clock=clock, discovery_period=1.0)
    lock = ports.store.acquire(desired.ref, current_owner(), lease=LEASE)
    now, began = clock.now(), time.perf_counter()
    ended = perform(
        desired,
        ports,
        slowly,
        lock=lock,
        environment=Environment(desired.ref, Phase.NEW, now, now),
        cancel=Cancellation(),
    )
    return {
        "phase": ended.environment.phase.value,
        "hosts": len(ended.view.ready_hosts),
        "steps": steps,
        "task_runs": runs,  # looks for hosts too
        "seconds": time.perf_counter() - began,
    }


def by_engine(name: str, hosts: int, scale: float) -> dict[str, float | str]:
    """The same as a flow run, every step a task run."""
    from prefect import flow

    from flows.board import Board
    from flows.heartbeats import no_heartbeats
    from flows.steps import task_per_step
    from lifecycle.desired import Goal

    @flow(name="rehearse", persist_result=False, retries=0, log_prints=False)
    def rehearsal() -> dict[str, float | str]:
        return rehearse(name, hosts, scale, task_per_step(Board(Goal.UP, lambda told: told)))

    with no_heartbeats():
        return rehearsal()


def main() -> None:
    mode, hosts, scale = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    found = rehearse(mode, hosts, scale, direct) if mode == "direct" else by_engine(mode, hosts, scale)
    used = resource.getrusage(resource.RUSAGE_SELF)
    pss = memory.pss(Path("/proc", str(os.getpid()))) / 1024
    print(json.dumps({**found, "cpu": used.ru_utime + used.ru_stime, "pss": pss}))


if __name__ == "__main__":
    main()
