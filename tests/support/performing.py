"""The loop around the conductor over the fakes: one environment of the shop, with everything that its runs said."""

from collections.abc import Callable
from dataclasses import replace

from adapters.fake.driving import ports_for, world_of_shop
from adapters.fake.store import FakeStore
from adapters.fake.world import FakeWorld
from lifecycle.desired import Desired
from lifecycle.environment import Environment, Phase
from lifecycle.events import Event
from lifecycle.journal import Outcome, Step
from lifecycle.lock import LEASE, Lock, Owner
from lifecycle.perform import Ended, perform
from lifecycle.ports import Cancellation, Ports

ME = Owner("ada", "laptop:1", "boot", 42, 1)
Act = Callable[[], Outcome]


def just_do_it(_: Step, act: Act) -> Outcome:
    return act()


class Rehearsal:
    """One environment of the shop, with everything that its runs said."""

    def __init__(self) -> None:
        self.world: FakeWorld = world_of_shop()
        self.events: list[Event] = []
        self.ports: Ports = replace(ports_for(self.world), sink=self.events.append, discovery_period=0.001)
        self.store = self.ports.store
        assert isinstance(self.store, FakeStore)

    def lock(self, desired: Desired) -> Lock:
        return self.store.acquire(desired.ref, ME, lease=LEASE)

    def environment(self, desired: Desired) -> Environment:
        now = self.ports.clock.now()
        return self.store.environment(desired.ref) or Environment(desired.ref, Phase.NEW, now, now)

    def run(self, desired: Desired, *, cancel: Cancellation | None = None, run_step: object = just_do_it) -> Ended:
        lock = self.lock(desired)
        try:
            return perform(
                desired,
                self.ports,
                run_step,  # type: ignore[arg-type]
                lock=lock,
                environment=self.environment(desired),
                cancel=cancel or Cancellation(),
            )
        finally:
            self.store.release(lock)

    def phases(self) -> list[str]:
        return [e.message for e in self.events if e.type == "environment.phase"]
