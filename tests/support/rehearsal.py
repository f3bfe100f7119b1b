"""A run of the shop over the fakes, with real values at its end: what a report is made from."""

from collections.abc import Callable
from dataclasses import replace

from adapters.fake.driving import ports_for, shop, world_of_shop
from adapters.process.owner import current_owner
from lifecycle.desired import Desired, Goal
from lifecycle.environment import Environment, Phase
from lifecycle.events import Event
from lifecycle.journal import Outcome, Step
from lifecycle.lock import LEASE
from lifecycle.perform import Ended, perform
from lifecycle.ports import Cancellation


def ended(*broken: str, goal: Goal = Goal.UP, tell: Callable[[Event], None] = lambda _: None) -> Ended:
    """How an `up` of the shop ends where these things fail: "probe home", "apply front", ..."""
    world = world_of_shop()
    world.broken |= set(broken)
    ports = replace(ports_for(world), sink=tell, discovery_period=0.001)
    desired: Desired = shop(goal=goal)
    lock = ports.store.acquire(desired.ref, current_owner(), lease=LEASE)
    now = ports.clock.now()

    def just_do_it(_: Step, act: Callable[[], Outcome]) -> Outcome:
        return act()

    environment = Environment(desired.ref, Phase.NEW, now, now, blueprint_path="/srv/shop/blueprint.yaml")
    return perform(desired, ports, just_do_it, lock=lock, environment=environment, cancel=Cancellation())
