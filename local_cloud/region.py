"""A region made real: hosts, networks and firewalls follow what the API says. It knows nothing of the API's server."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from local_cloud.errors import CloudError
from local_cloud.firewall import Rules, render
from local_cloud.hosts import Host, Hosts, Wish
from local_cloud.launcher import Launcher
from local_cloud.network import Networks, VpcNetwork

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the API says now: routers and public addresses per VPC, and the rules of every instance."""

    routers: dict[str, frozenset[str]] = field(default_factory=dict)
    publics: dict[str, dict[str, str]] = field(default_factory=dict)
    rules: dict[str, Rules] = field(default_factory=dict)


class Region:
    """Carries out what the hooks ask. `wanted` gives the API's present view; `died` hears of hosts that ended alone."""

    def __init__(
        self, launcher: Launcher, stage: Path, wanted: Callable[[], Wanted], died: Callable[[str], None]
    ) -> None:
        self.hosts = Hosts(launcher, stage, died)
        self.networks = Networks(launcher)
        self._wanted = wanted
        self._lock = threading.RLock()

    def boot(self, wish: Wish, *, first: bool) -> Host:
        """Brings a host up in its VPC, behind its security groups. Raises CloudError."""
        with self._lock:
            wanted = self._wanted()
            network = self.networks.of(wish.vpc)
            network.add_routers(wanted.routers.get(wish.vpc, ()))
            rules = wanted.rules.get(wish.id, Rules())
        if not first:
            network.unplug(wish.link)  # the kernel may not have come round to the link of the last time
        return self.hosts.boot(wish, network.descriptor, render(rules), first=first)

    def end(self, id: str, *, orderly: bool) -> None:
        """Ends a host and takes its link out of the VPC, so that its address is free at once."""
        host = self.hosts.get(id)
        if host is None:
            return
        self.hosts.halt(id) if orderly else self.hosts.kill(id)
        self.unplug(host)

    def unplug(self, host: Host) -> None:
        network = self.networks.vpcs.get(host.wish.vpc)
        if network is not None:
            network.unplug(host.wish.link)

    def reconcile(self) -> None:
        """Makes reality match the API; cheap when nothing changed, so it may be called after every call.

        What cannot be done in one network or for one host keeps nobody else from what is theirs; it is raised at the end.
        """
        with self._lock:
            if not self.networks.vpcs:
                return
            wanted = self._wanted()
            for vpc in [vpc for vpc in self.networks.vpcs if vpc not in wanted.routers]:
                self.networks.drop(vpc)
            work = [partial(self._connect, vpc, network, wanted) for vpc, network in self.networks.vpcs.items()]
            work.append(partial(self._route, wanted))
            work += [partial(self._enforce, host, wanted) for host in self.hosts.running()]
            troubles = [trouble for one in work if (trouble := _trouble(one)) is not None]
        if troubles:
            raise troubles[0]

    def _connect(self, vpc: str, network: VpcNetwork, wanted: Wanted) -> None:
        network.add_routers(wanted.routers[vpc])
        network.map_publics(wanted.publics.get(vpc, {}))

    def _route(self, wanted: Wanted) -> None:
        routes: dict[str, str] = {}
        for vpc, network in self.networks.vpcs.items():
            routes |= dict.fromkeys(wanted.publics.get(vpc, {}), network.wan)
        self.networks.internet.route(routes)

    def _enforce(self, host: Host, wanted: Wanted) -> None:
        self.hosts.enforce(host, render(wanted.rules.get(host.wish.id, Rules())))

    def dial_network(self, id: str) -> tuple[int, str]:
        """The namespace of the VPC router of an instance's host, and the host's address. Raises LookupError."""
        host = self.hosts.get(id)
        if host is None:
            raise LookupError(id)
        return self.networks.of(host.wish.vpc).descriptor, host.wish.address

    def close(self) -> None:
        """Cuts the power of every host and removes its files."""
        for host in self.hosts.running():
            self.hosts.kill(host.wish.id)
        for name in os.listdir(self.hosts.folder("")):
            self.hosts.remove(name)


def _trouble(work: Callable[[], None]) -> CloudError | None:
    """Do it; what was wrong, if anything."""
    try:
        work()
    except CloudError as error:
        log.warning("the region does not follow the API: %s", error)
        return error
    return None
