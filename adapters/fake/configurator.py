"""A configurator over the world in memory."""

from pathlib import Path

from adapters.fake.world import FakeWorld
from lifecycle.configuration import Configuration, Configured, HostResult, HostStatus
from lifecycle.inventory import Host
from lifecycle.ports import Run


class FakeConfigurator:
    """Remembers on every host which steps ran there; fails where the world says so."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def fingerprint(self, playbook: Path) -> str:
        return self._world.fingerprints.get(playbook.name, playbook.name)

    def configure(self, configuration: Configuration, run: Run) -> Configured:
        with self._world.lock:
            return Configured(tuple(self._one(configuration, host) for host in configuration.hosts))

    def _one(self, configuration: Configuration, host: Host) -> HostResult:
        what = f"configure {configuration.name} {host.name}"
        self._world.count(what)
        instance = self._world.instances.get(host.id)
        if instance is None or not instance.alive:
            return HostResult(host.name, HostStatus.UNREACHABLE, message="no route to host")
        if self._world.passes(what):
            return HostResult(host.name, HostStatus.UNREACHABLE, ok=1, task="a task", message="the connection broke")
        if self._world.fails(what):
            return HostResult(host.name, HostStatus.FAILED, failed=1, task="a task", message="it failed")
        instance.configured.append(configuration.name)
        return HostResult(host.name, HostStatus.CHANGED, ok=1, changed=1)
