"""A host source and a cloud over the world in memory."""

from collections.abc import Sequence

from adapters.fake.world import FakeWorld
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.inventory import Host, Ready, Trust
from lifecycle.ports import CloudResource, Run


class FakeHosts:
    """Hosts are seen as soon as the world has them; they are ready at once."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def discover(self, environment: EnvironmentRef, stack: str) -> Sequence[Host]:
        with self._world.lock:
            if self._world.fails(f"discover {stack}"):
                raise BatonError(f"the cloud does not say which hosts of {stack} run")
            return [i.as_host() for i in self._world.of_stack(stack) if i.alive]

    def await_ready(self, host: Host, run: Run) -> Ready:
        with self._world.lock:
            instance = self._world.instances.get(host.id)
            if instance is None or not instance.alive or self._world.fails(f"await {host.name}"):
                raise BatonError(f"{host.name} does not answer")
            if host.host_key and host.host_key != instance.key:
                raise BatonError(f"{host.name} answers with another key")
            return Ready(host.pinned(instance.key), Trust.CONSOLE)

    def answers_as(self, host: Host) -> bool:
        with self._world.lock:
            return any(i.key == host.host_key and i.alive for i in self._world.instances.values())


class FakeCloud:
    """Everything in the world carries the environment's tag."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    @property
    def not_provable(self) -> Sequence[str]:
        return ()

    def tagged(self, environment: EnvironmentRef) -> Sequence[CloudResource]:
        with self._world.lock:
            return [CloudResource(i.id, "host") for i in self._world.instances.values() if i.alive]
