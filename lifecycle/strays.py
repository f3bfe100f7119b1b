"""What an interrupted apply made and its state does not know: which resource of the plan it is, where that is certain. Pure.

Between the cloud's answer and the state's next write lies a moment in which a kill loses a resource: it exists, carries the
environment's tags, and the plan wants to create it once more. Only what such a plan wants is looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.ports import STACK_TAG, CloudResource

RESOURCE_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "instance": ("aws_instance",),
    "vpc": ("aws_vpc",),
    "subnet": ("aws_subnet",),
    "security-group": ("aws_security_group",),
    "security-group-rule": ("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"),
    "internet-gateway": ("aws_internet_gateway",),
    "route-table": ("aws_route_table",),
    "elastic-ip": ("aws_eip",),
    "natgateway": ("aws_nat_gateway",),
    "egress-only-internet-gateway": ("aws_egress_only_internet_gateway",),
    "vpc-endpoint": ("aws_vpc_endpoint",),
    "dhcp-options": ("aws_vpc_dhcp_options",),
    "launch-template": ("aws_launch_template",),
    "key-pair": ("aws_key_pair",),
}
"""The cloud's word for a type → Terraform's words. But for what is spare, the id in the cloud is also the id to import by. A rule is listed without its
direction; its tags have to tell."""

SPARE: Final = frozenset({"key-pair"})
"""What Terraform cannot take over as it is (nobody can read a key pair's public key back), and nothing is lost with: it goes, and
is made once more."""
SKEW: Final = timedelta(minutes=1)
"""How far the cloud's clock may be behind ours."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """A resource of the plan that exists already."""

    address: str
    resource: CloudResource


@dataclass(frozen=True, slots=True)
class Undecided:
    """Something that exists, and the resources of the plan that it could be: none, or too many."""

    resource: CloudResource
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of strays: they are taken over, they go, or a person has to say it."""

    adopted: tuple[Adoption, ...] = ()
    spare: tuple[CloudResource, ...] = ()
    undecided: tuple[Undecided, ...] = ()


def find(plan: Plan, stack: str, tagged: Sequence[CloudResource]) -> tuple[CloudResource, ...]:
    """What carries the stack's tag, is of a type that the plan would make, and is unknown to the stack's state."""
    known = {c.physical_id for c in (*plan.changes, *plan.drift) if c.physical_id}
    wanted = {c.type for c in plan.changes if c.action is Action.CREATE}
    mine = (r for r in tagged if r.tags.get(STACK_TAG) == stack and known.isdisjoint((r.id, r.known_as or r.id)))
    return tuple(sorted((r for r in mine if wanted.intersection(_types(r))), key=lambda r: (r.type, r.id)))


def decide(plan: Plan, strays: Sequence[CloudResource], since: datetime) -> Decision:
    """Which stray is which resource: its type and all of its tags are those of exactly one that is to be created, and of
    no other stray. Tags are compared as the plan will set them; a plan that does not know them yet decides nothing.

    What is spare goes, whichever of them it is, if it was made after the apply that may have lost it was begun (`since`).
    """
    adopted, spare, undecided = [], [], []
    for stray in strays:
        candidates = [c for c in plan.changes if _could_be(stray, c)]
        rivals = [other for other in strays if other is not stray and any(_could_be(other, c) for c in candidates)]
        if stray.type in SPARE:
            certain = candidates and stray.made_at is not None and stray.made_at >= since - SKEW
        else:
            certain = len(candidates) == 1 and not rivals
        if not certain:
            undecided.append(Undecided(stray, tuple(c.address for c in candidates)))
        elif stray.type in SPARE:
            spare.append(stray)
        else:
            adopted.append(Adoption(candidates[0].address, stray))
    return Decision(tuple(adopted), tuple(spare), tuple(undecided))


def _could_be(stray: CloudResource, change: ResourceChange) -> bool:
    alike = change.action is Action.CREATE and change.type in _types(stray)
    return alike and change.tags is not None and dict(change.tags) == dict(stray.tags)


def _types(resource: CloudResource) -> tuple[str, ...]:
    return RESOURCE_TYPES.get(resource.type, (resource.type,))
