"""A host source and a cloud over the world in memory."""

from collections.abc import Sequence

from adapters.fake.provisioner import Silent
from adapters.fake.world import FakeWorld, tags_of
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.inventory import Host, Ready, Trust
from lifecycle.ports import Cancelled, CloudResource, Removal, Run


class FakeHosts:
    """Hosts are seen as soon as the world has them; they are ready at once."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def discover(self, environment: EnvironmentRef, stack: str) -> Sequence[Host]:
        self._world.moment(f"discover {stack}: begin")
        with self._world.lock:
            if self._world.passes(f"discover {stack}"):
                raise Silent(f"the cloud does not answer which hosts of {stack} run")
            if self._world.fails(f"discover {stack}"):
                raise BatonError(f"the cloud does not say which hosts of {stack} run")
            return [i.as_host() for i in self._world.of_stack(stack) if i.alive]

    def await_ready(self, host: Host, run: Run) -> Ready:
        self._world.moment(f"await {host.name}: begin")
        if run.cancel.requested:
            raise Cancelled(f"stopped waiting for {host.name}: {run.cancel.reason}")
        ready = self._look(host)
        self._world.moment(f"await {host.name}: end")
        return ready

    def _look(self, host: Host) -> Ready:
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
    """Every instance of the world carries the tag of whoever is asked for; what leaked carries its own environment's."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    @property
    def not_provable(self) -> Sequence[str]:
        return ()

    def tagged(self, environment: EnvironmentRef | None = None) -> Sequence[CloudResource]:
        with self._world.lock:
            self._world.forget_late()
            leaked = [r for r in self._world.leaked.values() if environment in (None, r.environment)]
            if environment is None:
                return leaked
            return [
                *(
                    CloudResource(i.id, "host", tags_of(i.stack, i.name))
                    for i in self._world.instances.values()
                    if i.alive
                ),
                *leaked,
            ]

    def finish(self, resource: CloudResource) -> None:
        """What is made here is made at once."""

    def remove(self, resources: Sequence[CloudResource], run: Run) -> Removal:
        """Everything goes, but what the world says that it fails: `remove ID`."""
        with self._world.lock:
            left = {r.id: "it does not go" for r in resources if self._world.fails(f"remove {r.id}")}
            removed = tuple(r.id for r in resources if r.id not in left)
            for gone in removed:
                self._world.leaked.pop(gone, None)
                self._world.count(f"remove {gone}")
            return Removal(removed, left)
