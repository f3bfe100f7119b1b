"""What an interrupted apply made and its state does not know: which resource of the plan it is, where that is certain. Pure.

Between the cloud's answer and the state's next write lies a moment in which a kill loses a resource: it exists, carries the
environment's tags, and the plan wants to create it once more. Only what such a plan wants is looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
}
"""The cloud's word for a type → Terraform's words, where the id in the cloud is also the id to import by. A rule is listed without its
direction; its tags have to tell."""


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


def find(plan: Plan, stack: str, tagged: Sequence[CloudResource]) -> tuple[CloudResource, ...]:
    """What carries the stack's tag, is of a type that can be adopted, and is unknown to the stack's state."""
    known = {c.physical_id for c in (*plan.changes, *plan.drift) if c.physical_id}
    wanted = {c.type for c in plan.changes if c.action is Action.CREATE}
    mine = (r for r in tagged if r.tags.get(STACK_TAG) == stack and r.id not in known)
    return tuple(sorted((r for r in mine if wanted.intersection(_types(r))), key=lambda r: (r.type, r.id)))


def decide(plan: Plan, strays: Sequence[CloudResource]) -> tuple[tuple[Adoption, ...], tuple[Undecided, ...]]:
    """Which stray is which resource: its type and all of its tags are those of exactly one that is to be created, and of
    no other stray. Tags are compared as the plan will set them; a plan that does not know them yet decides nothing."""
    adoptions, undecided = [], []
    for stray in strays:
        candidates = [c for c in plan.changes if _could_be(stray, c)]
        rivals = [other for other in strays if other is not stray and any(_could_be(other, c) for c in candidates)]
        if len(candidates) == 1 and not rivals:
            adoptions.append(Adoption(candidates[0].address, stray))
        else:
            undecided.append(Undecided(stray, tuple(c.address for c in candidates)))
    return tuple(adoptions), tuple(undecided)


def _could_be(stray: CloudResource, change: ResourceChange) -> bool:
    alike = change.action is Action.CREATE and change.type in _types(stray)
    return alike and change.tags is not None and dict(change.tags) == dict(stray.tags)


def _types(resource: CloudResource) -> tuple[str, ...]:
    return RESOURCE_TYPES.get(resource.type, (resource.type,))
