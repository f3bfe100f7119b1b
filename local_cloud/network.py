"""The cloud's networks: one namespace per VPC behind an internet of its own, and an `outside` beyond the public addresses.

    operator 192.0.2.10 ─┐
    outside 203.0.113.10 ── core ── 198.19.x.y wan │ VPC router (one-to-one NAT) │ br0 ── hosts

No namespace has a way off the machine: the core's only neighbours are the VPCs, `outside`, and `operator`: an address
of its own, so that a security group can let operators in and nobody else.
"""

from __future__ import annotations

import ipaddress
import itertools
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from local_cloud.errors import CloudError
from local_cloud.launcher import Launcher
from local_cloud.linux import in_network

PUBLIC = ipaddress.IPv4Network("198.18.0.0/16")
"""Public addresses of instances: reserved for tests of network devices (RFC 2544), so never somebody's."""

_CORE = "198.19.0.1"
_OUTSIDE, _OUTSIDE_ROUTER = "203.0.113.10", "203.0.113.1"
OPERATOR, _OPERATOR_ROUTER = "192.0.2.10", "192.0.2.1"
"""Where operators come from: an address for documentation (RFC 5737), as `outside` has one."""


def run_in(network: int, command: list[str], text: str, *descriptors: int) -> None:
    """Runs a network tool in the namespace `network` with `text` on its standard input. Raises CloudError."""
    done = subprocess.run(
        ["nsenter", f"--net=/proc/self/fd/{network}", *command],
        input=text,
        capture_output=True,
        encoding="utf-8",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        pass_fds=(network, *descriptors),
        user=0,
        group=0,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    if done.returncode != 0:
        raise CloudError(f"{command[0]} failed inside the cloud: {(done.stderr or done.stdout).strip()}")


def _route_packets(network: int) -> None:
    def write() -> None:
        for name, value in (
            ("ip_forward", "1"),
            ("conf/all/send_redirects", "0"),
            ("conf/default/send_redirects", "0"),
        ):
            Path(f"/proc/sys/net/ipv4/{name}").write_text(value)
        for name in ("all", "default"):
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")

    in_network(network, write)


class Internet:
    """The core that routes public addresses, and two machines somewhere else on that internet: `outside`, `operator`."""

    def __init__(self, launcher: Launcher) -> None:
        self.core = launcher.network()
        self.outside = launcher.network()
        self.operator = launcher.network()
        self._routes: dict[str, str] = {}
        _route_packets(self.core)
        run_in(
            self.core,
            ["ip", "-batch", "-"],
            f"link set lo up\nlink add inet0 type bridge\naddr add {_CORE}/16 dev inet0\nlink set inet0 up\n"
            f"route add unreachable {PUBLIC}\n",
        )
        self._place("out0", self.outside, _OUTSIDE, _OUTSIDE_ROUTER)
        self._place("ops0", self.operator, OPERATOR, _OPERATOR_ROUTER)

    def _place(self, link: str, network: int, address: str, router: str) -> None:
        """Plugs in a machine that is somewhere on this internet."""
        run_in(
            self.core,
            ["ip", "-batch", "-"],
            f"link add {link} type veth peer name eth0 netns /proc/self/fd/{network}\n"
            f"addr add {router}/24 dev {link}\nlink set {link} up\n",
            network,
        )
        run_in(
            network,
            ["ip", "-batch", "-"],
            f"link set lo up\naddr add {address}/24 dev eth0\nlink set eth0 up\nroute add default via {router}\n",
        )

    def attach(self, network: int, link: str, wan: str) -> None:
        """Plugs a VPC's router in."""
        run_in(
            self.core,
            ["ip", "-batch", "-"],
            f"link add {link} type veth peer name wan netns /proc/self/fd/{network}\nlink set {link} master inet0 up\n",
            network,
        )

    def route(self, routes: dict[str, str]) -> None:
        """Makes `routes` (public address → the wan address of its VPC) the whole truth.

        Each line may come twice: a batch that broke off is given again as a whole. An address that is gone leads nowhere.
        """
        if routes == self._routes:
            return
        gone = [f"route replace unreachable {public}/32" for public in self._routes if public not in routes]
        new = [f"route replace {public}/32 via {wan} dev inet0" for public, wan in routes.items()]
        run_in(self.core, ["ip", "-batch", "-"], "\n".join((*gone, *new, "")))
        self._routes = dict(routes)


@dataclass(slots=True)
class VpcNetwork:
    """One VPC: a bridge that its hosts hang on, the router's address in each subnet, NAT for public addresses."""

    descriptor: int
    wan: str
    routers: set[str] = field(default_factory=set)
    publics: dict[str, str] = field(default_factory=dict)

    def add_routers(self, routers: Iterable[str]) -> None:
        """Gives the router an address (10.0.1.1/24) in every subnet named."""
        new = sorted(set(routers) - self.routers)
        if new:
            run_in(
                self.descriptor, ["ip", "-batch", "-"], "".join(f"addr replace {router} dev br0\n" for router in new)
            )
            self.routers.update(new)

    def map_publics(self, publics: dict[str, str]) -> None:
        """Makes `publics` (public → private address) the whole one-to-one translation, in one transaction."""
        if publics != self.publics:
            run_in(self.descriptor, ["nft", "-f", "-"], nat(publics))
            self.publics = dict(publics)

    def unplug(self, link: str) -> None:
        """Removes a host's link; it may be gone with its host already."""
        try:
            run_in(self.descriptor, ["ip", "link", "del", link], "")
        except CloudError as error:
            if "Cannot find device" not in error.message:
                raise


def nat(publics: dict[str, str]) -> str:
    """A VPC router's rules: only mapped addresses get in or out; a host that calls a neighbour's public address is seen
    as its own public one, as on AWS."""
    pairs = sorted(publics.items())
    inward = ", ".join(f"{public} : {private}" for public, private in pairs)
    outward = ", ".join(f"{private} : {public}" for public, private in pairs)
    privates = ", ".join(private for _, private in pairs)
    lines = ["table ip internet {}", "delete table ip internet", "table ip internet {"]
    lines += ["  chain forward {", "    type filter hook forward priority 0; policy drop;"]
    lines += ["    ct state established,related accept", '    iifname "br0" oifname "br0" accept']
    if pairs:
        lines += [
            f'    iifname "br0" oifname "wan" ip saddr {{ {privates} }} accept',
            '    iifname "wan" ct status dnat accept',
        ]
    lines += ["  }"]
    if pairs:
        lines += ["  chain inward {", "    type nat hook prerouting priority -100;"]
        lines += [f"    dnat to ip daddr map {{ {inward} }}", "  }"]
        lines += ["  chain local {", "    type nat hook postrouting priority 100;"]
        lines += [f'    oifname "wan" snat to ip saddr map {{ {outward} }}']
        lines += [f'    iifname "br0" oifname "br0" ct status dnat snat to ip saddr map {{ {outward} }}', "  }"]
    return "\n".join((*lines, "}", ""))


class Networks:
    """Every VPC's network, made when its first host comes and dropped with the VPC."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self.internet = Internet(launcher)
        self.vpcs: dict[str, VpcNetwork] = {}
        self._numbers = itertools.count(2)

    def of(self, vpc: str) -> VpcNetwork:
        """The network of a VPC, made now if there is none."""
        if vpc not in self.vpcs:
            number = next(self._numbers)
            if number > 0xFFFE - 1:
                raise CloudError("This cloud has made 65,000 VPCs; no router addresses are left.", "Restart it.")
            self.vpcs[vpc] = self._make(f"v{number}", f"198.19.{number >> 8}.{number & 255}")
        return self.vpcs[vpc]

    def _make(self, link: str, wan: str) -> VpcNetwork:
        descriptor = self._launcher.network()
        _route_packets(descriptor)
        self.internet.attach(descriptor, link, wan)
        run_in(
            descriptor,
            ["ip", "-batch", "-"],
            f"link set lo up\nlink add br0 type bridge\nlink set br0 up\n"
            f"addr add {wan}/16 dev wan\nlink set wan up\nroute add default via {_CORE}\n",
        )
        network = VpcNetwork(descriptor, wan)
        run_in(descriptor, ["nft", "-f", "-"], nat({}))
        return network

    def drop(self, vpc: str) -> None:
        """Lets the kernel remove a VPC's namespace with all that is in it."""
        network = self.vpcs.pop(vpc, None)
        if network is not None:
            os.close(network.descriptor)
