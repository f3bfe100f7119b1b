"""Removes what nobody's Terraform knows: by the cloud's API, what depends on others first, again while something is in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from adapters.cloud.api import Aws, CloudRefused
from lifecycle.errors import BatonError
from lifecycle.ports import Cancelled, CloudResource, Removal, Run
from lifecycle.retries import Backoff

T = TypeVar("T", bound=Mapping[str, Any])

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

    _Way = Callable[[EC2Client, str], object]

PATIENCE: Final = Backoff(attempts=10, first=1.0, longest=30.0)
"""About three minutes: an instance takes one or two to go, and only then its network can."""

DATA: Final = frozenset({"volume", "snapshot", "image"})
"""Types that hold data: nobody can make them again, so a person decides."""


def removed(
    aws: Aws,
    resources: Sequence[CloudResource],
    tagged: Callable[[], Sequence[CloudResource]],
    backoff: Backoff,
    run: Run,
) -> Removal:
    """Ask for each to be removed, in order, and look whether it is gone; again, with patience, while that may help."""
    kept = {r.id: reason for r in resources if (reason := _kept(r))}
    waiting = sorted((r for r in resources if r.id not in kept), key=lambda r: (list(_WAYS).index(r.type), r.id))
    gone: list[str] = []
    for delay in (*backoff.delays, None):
        reasons = {r.id: _asked(aws, r, run) for r in waiting}
        there = {r.id for r in tagged()}
        gone += [r.id for r in waiting if r.id not in there]
        waiting = [r for r in waiting if r.id in there]
        kept |= {r.id: reason for r in waiting if (reason := reasons[r.id][0]) and not reasons[r.id][1]}
        waiting = [r for r in waiting if r.id not in kept]
        if not waiting or delay is None:
            break
        if run.cancel.wait(delay):
            raise Cancelled(f"stopped while {len(waiting)} resources were going")
    return Removal(tuple(gone), kept | {r.id: reasons[r.id][0] or "it is still going" for r in waiting})


def _kept(resource: CloudResource) -> str:
    """Why this is not touched; empty where it may go."""
    if resource.type in DATA:
        return "it holds data: look at it, and remove it by hand"
    return "" if resource.type in _WAYS else "Baton does not know how to remove this type: remove it by hand"


def _asked(aws: Aws, resource: CloudResource, run: Run) -> tuple[str, bool]:
    """Ask for one to be removed: why that was refused (empty: it was not), and whether to ask again."""
    try:
        aws.ask(f"the removal of {resource.type} {resource.id}", lambda: _WAYS[resource.type](aws.ec2, resource.id))
    except BatonError as error:
        if isinstance(error, CloudRefused) and error.code.endswith(".NotFound"):
            return "", True
        return error.message, error.trouble is not None
    run.say(
        "orphan.removing", f"{resource.type} {resource.id} is asked to go", id=resource.id, resource_type=resource.type
    )
    return "", True


def _only(id: str, described: Sequence[T], key: str) -> list[T]:
    """Those that were asked for: emulators pass over ids that they do not know to look at, and describe everything that there is."""
    return [one for one in described if one.get(key) == id]


def _security_group(ec2: EC2Client, id: str) -> None:
    """Groups that name one another in their rules are all in use: the rules go first."""
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [id]}])["SecurityGroupRules"]
    _revoke(ec2, id, ((r["SecurityGroupRuleId"], r["IsEgress"]) for r in rules))
    ec2.delete_security_group(GroupId=id)


def revoke_default_egress(ec2: EC2Client, id: str) -> None:
    """Take away the rule that AWS puts into a fresh group: untagged, everything to everywhere. The provider does it as the last
    part of making one; left there, the module's own rule of that kind is a duplicate."""
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [id]}])["SecurityGroupRules"]
    everywhere = (r for r in rules if r.get("CidrIpv4") == "0.0.0.0/0" or r.get("CidrIpv6") == "::/0")
    fresh = [r for r in everywhere if r["IsEgress"] and r["IpProtocol"] == "-1" and not r.get("Tags")]
    _revoke(ec2, id, ((r["SecurityGroupRuleId"], True) for r in fresh))


def _security_group_rule(ec2: EC2Client, id: str) -> None:
    rules = ec2.describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"]
    for rule in _only(id, rules, "SecurityGroupRuleId"):
        _revoke(ec2, rule["GroupId"], [(id, rule["IsEgress"])])


def _revoke(ec2: EC2Client, group: str, rules: Iterable[tuple[str, bool]]) -> None:
    egress: dict[bool, list[str]] = {True: [], False: []}
    for rule, out in rules:
        egress[out].append(rule)
    if egress[True]:
        ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=egress[True])
    if egress[False]:
        ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=egress[False])


def _key_pair(ec2: EC2Client, id: str) -> None:
    """By its name: emulators pass over the id."""
    for pair in _only(id, ec2.describe_key_pairs(KeyPairIds=[id])["KeyPairs"], "KeyPairId"):
        ec2.delete_key_pair(KeyName=pair["KeyName"])


def _elastic_ip(ec2: EC2Client, id: str) -> None:
    for address in _only(id, ec2.describe_addresses(AllocationIds=[id])["Addresses"], "AllocationId"):
        if "AssociationId" in address:
            ec2.disassociate_address(AssociationId=address["AssociationId"])
    ec2.release_address(AllocationId=id)


def _internet_gateway(ec2: EC2Client, id: str) -> None:
    gateways = ec2.describe_internet_gateways(InternetGatewayIds=[id])["InternetGateways"]
    for gateway in _only(id, gateways, "InternetGatewayId"):
        for attached in gateway["Attachments"]:
            ec2.detach_internet_gateway(InternetGatewayId=id, VpcId=attached["VpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=id)


def _route_table(ec2: EC2Client, id: str) -> None:
    for table in _only(id, ec2.describe_route_tables(RouteTableIds=[id])["RouteTables"], "RouteTableId"):
        for association in table["Associations"]:
            if not association.get("Main"):
                ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=id)


def _by(operation: str, argument: str) -> _Way:
    """The call that does it; an argument in the plural takes a list."""

    def call(ec2: EC2Client, id: str) -> object:
        return getattr(ec2, operation)(**{argument: [id] if argument.endswith("s") else id})

    return call


_WAYS: Final[Mapping[str, _Way]] = {  # in the order in which they can go
    "spot-instances-request": _by("cancel_spot_instance_requests", "SpotInstanceRequestIds"),
    "instance": _by("terminate_instances", "InstanceIds"),
    "launch-template": _by("delete_launch_template", "LaunchTemplateId"),
    "key-pair": _key_pair,
    "vpc-peering-connection": _by("delete_vpc_peering_connection", "VpcPeeringConnectionId"),
    "vpc-endpoint": _by("delete_vpc_endpoints", "VpcEndpointIds"),
    "natgateway": _by("delete_nat_gateway", "NatGatewayId"),
    "elastic-ip": _elastic_ip,
    "network-interface": _by("delete_network_interface", "NetworkInterfaceId"),
    "security-group-rule": _security_group_rule,
    "security-group": _security_group,
    "internet-gateway": _internet_gateway,
    "egress-only-internet-gateway": _by("delete_egress_only_internet_gateway", "EgressOnlyInternetGatewayId"),
    "subnet": _by("delete_subnet", "SubnetId"),
    "route-table": _route_table,
    "network-acl": _by("delete_network_acl", "NetworkAclId"),
    "vpc": _by("delete_vpc", "VpcId"),
    "dhcp-options": _by("delete_dhcp_options", "DhcpOptionsId"),
}
