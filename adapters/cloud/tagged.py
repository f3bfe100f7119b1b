"""Everything that still carries an environment's tag: for the proof that a teardown left nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from adapters.cloud.api import Aws
from adapters.cloud.removing import PATIENCE, removed, revoke_default_egress
from lifecycle.environment import EnvironmentRef
from lifecycle.ports import ENVIRONMENT_TAG, CloudResource, Removal, Run
from lifecycle.retries import Backoff

NOT_PROVABLE: Final = (
    "resources that cannot carry tags: routes, DNS records, bucket objects, inline policies, alarms' history",
    "resources that the tagging API does not list: Auto Scaling groups, IAM users, roles and policies",
    "resources in other regions and accounts than the one asked",
    "what a module made without tags (a provider block that ignores default tags)",
)


@dataclass(frozen=True, slots=True)
class _Existing:
    """How EC2 says what exists of a type. Tags outlive their resources: on AWS for an hour or so, on emulators for ever."""

    operation: str
    listed: str  # key of the list in the answer
    id: str
    state: tuple[str, ...] = ()  # path to the state
    gone: frozenset[str] = frozenset()  # states in which a thing is still listed, but gone
    known_as: str = ""  # where Terraform's id is another one
    made_at: str = ""


_EXISTING: Final[Mapping[str, _Existing]] = {
    "instance": _Existing(
        "describe_instances", "Reservations", "InstanceId", ("State", "Name"), frozenset({"terminated"})
    ),
    "volume": _Existing("describe_volumes", "Volumes", "VolumeId", ("State",), frozenset({"deleted"})),
    "snapshot": _Existing("describe_snapshots", "Snapshots", "SnapshotId"),
    "image": _Existing("describe_images", "Images", "ImageId", ("State",), frozenset({"deregistered"})),
    "vpc": _Existing("describe_vpcs", "Vpcs", "VpcId"),
    "subnet": _Existing("describe_subnets", "Subnets", "SubnetId"),
    "security-group": _Existing("describe_security_groups", "SecurityGroups", "GroupId"),
    "security-group-rule": _Existing("describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId"),
    "internet-gateway": _Existing("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "egress-only-internet-gateway": _Existing(
        "describe_egress_only_internet_gateways", "EgressOnlyInternetGateways", "EgressOnlyInternetGatewayId"
    ),
    "route-table": _Existing("describe_route_tables", "RouteTables", "RouteTableId"),
    "network-acl": _Existing("describe_network_acls", "NetworkAcls", "NetworkAclId"),
    "network-interface": _Existing("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    "elastic-ip": _Existing("describe_addresses", "Addresses", "AllocationId"),
    "key-pair": _Existing("describe_key_pairs", "KeyPairs", "KeyPairId", known_as="KeyName", made_at="CreateTime"),
    "launch-template": _Existing("describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    "dhcp-options": _Existing("describe_dhcp_options", "DhcpOptions", "DhcpOptionsId"),
    "natgateway": _Existing(
        "describe_nat_gateways", "NatGateways", "NatGatewayId", ("State",), frozenset({"deleted", "failed"})
    ),
    "vpc-endpoint": _Existing(
        "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", ("State",), frozenset({"deleted"})
    ),
    "vpc-peering-connection": _Existing(
        "describe_vpc_peering_connections",
        "VpcPeeringConnections",
        "VpcPeeringConnectionId",
        ("Status", "Code"),
        frozenset({"deleted", "expired", "failed", "rejected"}),
    ),
    "transit-gateway": _Existing(
        "describe_transit_gateways", "TransitGateways", "TransitGatewayId", ("State",), frozenset({"deleted"})
    ),
    "spot-instances-request": _Existing(
        "describe_spot_instance_requests",
        "SpotInstanceRequests",
        "SpotInstanceRequestId",
        ("State",),
        frozenset({"cancelled", "closed", "failed"}),
    ),
}
_SAME: Final = {
    "nat-gateway": "natgateway",
    "spot-instance-request": "spot-instances-request",
    "vpc-elastic-ip": "elastic-ip",
}


class AwsCloud:
    """Implements the Cloud port: what is there, by tag, and how it goes. `backoff` is the patience of `remove`."""

    def __init__(self, aws: Aws, backoff: Backoff = PATIENCE) -> None:
        self._aws = aws
        self._backoff = backoff

    def tagged(self, environment: EnvironmentRef | None = None) -> Sequence[CloudResource]:
        """Everything in the region that carries the environment's tag and is not terminated or deleted, each once.

        Without an environment: the tag of any.

        Two listings are joined: the tagging API (all services, but late) and EC2's own tags (at once).
        """
        found: dict[str, CloudResource] = {}
        for resource in (*self._by_tagging_api(environment), *self._by_ec2(environment)):
            known = found.get(resource.id)
            found[resource.id] = _joined(known, resource) if known else resource
        there = self._without_remains(environment, list(found.values()))
        return sorted(there, key=lambda resource: (resource.type, resource.id))

    def remove(self, resources: Sequence[CloudResource], run: Run) -> Removal:
        return removed(self._aws, resources, self.tagged, self._backoff, run)

    def finish(self, resource: CloudResource) -> None:
        if resource.type == "security-group":
            what = f"the rules of security group {resource.id}"
            self._aws.ask(what, lambda: revoke_default_egress(self._aws.ec2, resource.id))

    @property
    def not_provable(self) -> Sequence[str]:
        """What this listing cannot see, in words."""
        return NOT_PROVABLE

    def _by_tagging_api(self, environment: EnvironmentRef | None) -> list[CloudResource]:
        filters = [{"Key": ENVIRONMENT_TAG, **({"Values": [str(environment)]} if environment else {})}]
        pages = self._aws.tagging.get_paginator("get_resources")
        listed = self._aws.ask(
            f"what is tagged {_name(environment)}",
            lambda: [
                entry
                for page in pages.paginate(TagFilters=filters)  # type: ignore[arg-type]
                for entry in page["ResourceTagMappingList"]
            ],
        )
        return [_of_arn(e["ResourceARN"], {t["Key"]: t["Value"] for t in e.get("Tags", [])}) for e in listed]

    def _by_ec2(self, environment: EnvironmentRef | None) -> list[CloudResource]:
        filters = [{"Name": "key", "Values": [ENVIRONMENT_TAG]}]
        if environment:
            filters.append({"Name": "value", "Values": [str(environment)]})
        pages = self._aws.ec2.get_paginator("describe_tags")
        listed = self._aws.ask(
            f"the EC2 tags of {_name(environment)}",
            lambda: [entry for page in pages.paginate(Filters=filters) for entry in page["Tags"]],  # type: ignore[arg-type]
        )
        return [
            CloudResource(
                e["ResourceId"], _SAME.get(e["ResourceType"], e["ResourceType"]), {ENVIRONMENT_TAG: e["Value"]}
            )
            for e in listed
        ]

    def _without_remains(
        self, environment: EnvironmentRef | None, resources: Sequence[CloudResource]
    ) -> Iterator[CloudResource]:
        """Those that exist; of types that we cannot ask for, all."""
        existing = {
            kind: self._entries(environment, how)
            for kind, how in _EXISTING.items()
            if any(resource.type == kind for resource in resources)
        }
        for resource in resources:
            if resource.type not in existing:
                yield resource
            elif (entry := existing[resource.type].get(resource.id)) is not None:
                how = _EXISTING[resource.type]
                tags = {tag["Key"]: tag["Value"] for tag in entry.get("Tags") or entry.get("TagSet") or ()}
                known_as, made_at = entry.get(how.known_as, ""), entry.get(how.made_at)
                yield replace(resource, tags={**resource.tags, **tags}, known_as=known_as, made_at=made_at)

    def _entries(self, environment: EnvironmentRef | None, how: _Existing) -> dict[str, Any]:
        """What EC2 says of everything of a type that carries the tag and is not gone, by id."""
        ec2 = self._aws.ec2
        of_one = {"Name": f"tag:{ENVIRONMENT_TAG}", "Values": [str(environment)]}
        arguments = {"Filters": [of_one if environment else {"Name": "tag-key", "Values": [ENVIRONMENT_TAG]}]}

        def pages() -> list[Any]:
            if ec2.can_paginate(how.operation):
                return list(ec2.get_paginator(how.operation).paginate(**arguments))  # type: ignore[call-overload]
            return [getattr(ec2, how.operation)(**arguments)]

        entries = [
            entry
            for page in self._aws.ask(f"{how.listed} of {_name(environment)}", pages)
            for entry in page[how.listed]
        ]
        if how.listed == "Reservations":
            entries = [instance for reservation in entries for instance in reservation["Instances"]]
        there = (entry for entry in entries if how.id in entry and _at(entry, how.state) not in how.gone)
        return {str(entry[how.id]): entry for entry in there}


def _name(environment: EnvironmentRef | None) -> str:
    return str(environment or "any environment")


def _at(entry: Any, path: Sequence[str]) -> str:
    """The text at a path of keys; empty for no path."""
    for key in path:
        entry = entry.get(key, {})
    return str(entry) if path else ""


def _of_arn(arn: str, tags: Mapping[str, str]) -> CloudResource:
    """`arn:aws:ec2:region:account:instance/i-1` → instance i-1. EC2's ids are unique; other services keep their whole ARN."""
    _, _, service, _, _, rest = (arn.split(":", 5) + [""] * 6)[:6]
    kind, slash, name = rest.partition("/")
    if service == "ec2" and slash:
        return CloudResource(name, _SAME.get(kind, kind), tags)
    word = kind.partition(":")[0] if slash or ":" in kind else ""
    return CloudResource(arn, f"{service}:{word}".rstrip(":"), tags)


def _joined(one: CloudResource, other: CloudResource) -> CloudResource:
    return CloudResource(one.id, one.type, {**other.tags, **one.tags})
