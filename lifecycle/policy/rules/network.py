"""Rules for who can reach what: open ports, subnets, VPCs."""

import ipaddress
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from lifecycle.blueprint.policy_rules import AllowedSubnets, AllowedVpcs, PublicIngress
from lifecycle.policy.planned import Planned, Remark, breach, matches, not_known
from lifecycle.policy.values import Absent, Hidden, Known, Node, Resource, Unknown, Value

_EVERYBODY: Final[Mapping[int, int]] = {4: 8, 6: 16}
"""A range with a shorter prefix than this is meant for everybody, also where it is one of two halves of the internet."""

_UNIQUE_LOCAL: Final = ipaddress.IPv6Network("fc00::/7")
_INLINE: Final = ("aws_security_group", "aws_default_security_group")
_ALL_PORTS: Final = range(65536)
_WITHOUT_PORTS: Final = ("icmp", "icmpv6", "1", "58")


def public_ingress(keys: PublicIngress, planned: Planned) -> Iterator[Remark]:
    """Ports that are open to everybody and not listed; ICMP has none and is let through."""
    for group in planned.of(*_INLINE):
        for rule in group.blocks("ingress"):
            if isinstance(rule, Node):
                yield from _opened(group, rule, ("cidr_blocks[]", "ipv6_cidr_blocks[]"), keys)
            else:
                yield not_known(group, "ingress is known only after apply")
    for rule in planned.of("aws_security_group_rule"):
        if rule.get("type") == Known("ingress"):
            yield from _opened(rule, rule, ("cidr_blocks[]", "ipv6_cidr_blocks[]"), keys)
    for rule in planned.of("aws_vpc_security_group_ingress_rule"):
        yield from _opened(rule, rule, ("cidr_ipv4", "cidr_ipv6"), keys)


def _opened(resource: Resource, rule: Node, ranges: tuple[str, str], keys: PublicIngress) -> Iterator[Remark]:
    found = [value for path in ranges for value in rule.every(path)]
    public = [str(one.value) for one in found if isinstance(one, Known) and for_everybody(str(one.value))]
    hidden = [one for one in found if not isinstance(one, Known)]
    if not public and not hidden:
        return
    ports = _ports(rule)
    if ports is not None and all(port in keys.ports for port in ports):
        return
    name = f"{rule.path}: " if rule.path else ""
    if ports is None or not public:
        yield not_known(resource, f"{name}{'its ports' if ports is None else 'its ranges'} are known only after apply")
        return
    allowed = ", ".join(map(str, keys.ports)) or "no port"
    cure = f"only {allowed} may be open to everybody: narrow the range, or the ports"
    yield breach(resource, f"{name}{_named(ports)} open to {', '.join(public)}", cure)


def _ports(rule: Node) -> range | None:
    """The ports of a rule, none for ICMP; None while nobody knows them."""
    protocol = rule.get("protocol") if "protocol" in rule.data else rule.get("ip_protocol")
    match protocol:
        case Known(value=str() | int() as name) if str(name) in _WITHOUT_PORTS:
            return range(0)
        case Known(value="-1" | "all" | -1):
            return _ALL_PORTS
        case Unknown() | Hidden():
            return None
        case _:
            pass
    match rule.get("from_port"), rule.get("to_port"):
        case (Known(value=int() as low), Known(value=int() as high)):
            return _ALL_PORTS if low < 0 else range(low, high + 1)
        case (Unknown() | Hidden(), _) | (_, Unknown() | Hidden()):
            return None
        case _:
            return _ALL_PORTS


def _named(ports: range) -> str:
    if ports == _ALL_PORTS:
        return "every port is"
    return f"port {ports.start} is" if len(ports) == 1 else f"the ports {ports.start} to {ports.stop - 1} are"


@cache
def for_everybody(text: str) -> bool:
    """Whether a range of addresses holds the whole internet or a large part of it."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    private = isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_UNIQUE_LOCAL)
    return network.prefixlen < _EVERYBODY[network.version] and not private


def allowed_subnets(keys: AllowedSubnets, planned: Planned) -> Iterator[Remark]:
    """Instances in a subnet that is not listed."""
    own = {one for subnet in planned.of("aws_subnet") for one in _identities(subnet)} if keys.own else set()
    for instance in planned.of("aws_instance"):
        yield from _in_allowed(instance, "subnet_id", instance.get("subnet_id"), keys.subnets, own)


def allowed_vpcs(keys: AllowedVpcs, planned: Planned) -> Iterator[Remark]:
    """Whatever has a `vpc_id` that is not listed, and instances whose subnet's VPC is not."""
    own = {one for vpc in planned.of("aws_vpc") for one in _identities(vpc)} if keys.own else set()
    for resource in planned.all:
        if resource.has("vpc_id"):
            value = resource.get("vpc_id")
            if not isinstance(value, Absent):
                yield from _in_allowed(resource, "vpc_id", value, keys.vpcs, own)
    subnets = {one: subnet for subnet in planned.of("aws_subnet") for one in _identities(subnet)}
    for instance in planned.of("aws_instance"):
        if _its_subnet(instance, subnets) is None:  # a subnet of ours was judged itself
            yield not_known(instance, "in which VPC its subnet lies is told by no plan")


def _in_allowed(
    resource: Resource, name: str, value: Value, allowed: tuple[str, ...], own: set[str]
) -> Iterator[Remark]:
    match value:
        case Known(value=one) if matches(str(one), allowed) or str(one) in own:
            return
        case Known(value=one):
            cure = f"use one of {', '.join(allowed)}" if allowed else ""
            yield breach(resource, f"{name} is {one}, which is not allowed", cure)
        case Absent():
            yield breach(resource, f"{name} is not set: it goes where the account says", f"set {name}")
        case Unknown() | Hidden():
            if not resource.refers & own:
                yield not_known(resource, f"{name} is known only after apply")


def _its_subnet(instance: Resource, subnets: Mapping[str, Resource]) -> Resource | None:
    match instance.get("subnet_id"):
        case Known(value=one):
            return subnets.get(str(one))
        case _:
            return next((subnets[name] for name in sorted(instance.refers) if name in subnets), None)


def _identities(resource: Resource) -> Iterator[str]:
    """What others name a resource by: its address without keys, and its id once it has one."""
    yield resource.static
    if isinstance(value := resource.get("id"), Known):
        yield str(value.value)
