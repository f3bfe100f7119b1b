"""A configurator over the world in memory."""

from collections.abc import Iterable
from pathlib import Path

from adapters.fake.world import HALF, FakeWorld
from lifecycle.configuration import Configuration, Configured, HostResult, HostStatus, TaskChange
from lifecycle.inventory import Host
from lifecycle.ports import Run


class FakeConfigurator:
    """Remembers on every host which steps ran there; fails where the world says so."""

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def fingerprint(self, playbook: Path) -> str:
        return self._world.fingerprints.get(playbook.name, playbook.name)

    def files(self, playbook: Path) -> Iterable[Path]:
        return ()

    def configure(self, configuration: Configuration, run: Run) -> Configured:
        if configuration.check:
            change = TaskChange("a task", f"it would hold {configuration.name}")
            found = (
                HostResult(h.name, HostStatus.CHANGED, ok=1, changed=1, changes=(change,)) for h in configuration.hosts
            )
            return Configured(tuple(found))
        self._world.moment(f"configure {configuration.name}: begin")
        run.cancel.before_tool()
        results: list[HostResult] = []
        for host in configuration.hosts:
            if run.cancel.requested:
                return Configured(tuple(results), complete=False, message=f"stopped ({run.cancel.reason})")
            results.append(self._one(configuration, host))
            self._world.moment(f"configure {configuration.name}: {host.name} done")
        return Configured(tuple(results))

    def _one(self, configuration: Configuration, host: Host) -> HostResult:
        what = f"configure {configuration.name} {host.name}"
        with self._world.lock:
            self._world.count(what)
            instance = self._world.instances.get(host.id)
            if instance is None or not instance.alive:
                return HostResult(host.name, HostStatus.UNREACHABLE, message="no route to host")
            if self._world.passes(what):
                return HostResult(
                    host.name, HostStatus.UNREACHABLE, ok=1, task="a task", message="the connection broke"
                )
            instance.holds[configuration.name] = HALF
        self._world.moment(f"configure {configuration.name}: {host.name} half-way")
        with self._world.lock:
            if self._world.fails(what):
                return HostResult(host.name, HostStatus.FAILED, failed=1, task="a task", message="it failed")
            instance.configured.append(configuration.name)
            fingerprint = self.fingerprint(configuration.playbook)
            instance.holds[configuration.name] = (fingerprint, dict(configuration.variables))
        return HostResult(host.name, HostStatus.CHANGED, ok=1, changed=1)
