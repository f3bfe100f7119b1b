"""Plans and prices in, an estimate out."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, NamedTuple, assert_never

from lifecycle.cost import instances, services
from lifecycle.cost.book import Kind, PriceBook
from lifecycle.cost.estimate import NOTHING, Estimate, Line, Unpriced, UsageBased, cents
from lifecycle.cost.parts import Around, Look, Part, Resource
from lifecycle.cost.seen import Seen
from lifecycle.plan import Action, Fidelity, Plan, ResourceChange


class Pricing(NamedTuple):
    """How a resource type is priced by its attributes, and by which kinds of prices."""

    parts: Callable[[Look], Iterator[Part]]
    kinds: tuple[Kind, ...]


_VOLUME: Final = (Kind.VOLUME, Kind.VOLUME_IOPS, Kind.VOLUME_THROUGHPUT)

PRICED: Final[Mapping[str, Pricing]] = {
    "aws_alb": Pricing(services.load_balancer, (Kind.LOAD_BALANCER,)),
    "aws_autoscaling_group": Pricing(instances.group, (Kind.INSTANCE, *_VOLUME)),
    "aws_db_instance": Pricing(services.database, (Kind.DATABASE, Kind.DATABASE_STORAGE, Kind.DATABASE_IOPS)),
    "aws_dynamodb_table": Pricing(services.table, (Kind.TABLE_CAPACITY,)),
    "aws_ebs_volume": Pricing(instances.volume, _VOLUME),
    "aws_elasticache_cluster": Pricing(services.cache, (Kind.CACHE,)),
    "aws_elasticache_replication_group": Pricing(services.replication_group, (Kind.CACHE,)),
    "aws_elb": Pricing(services.classic_load_balancer, (Kind.LOAD_BALANCER,)),
    "aws_instance": Pricing(instances.instance, (Kind.INSTANCE, *_VOLUME)),
    "aws_lb": Pricing(services.load_balancer, (Kind.LOAD_BALANCER,)),
    "aws_rds_cluster_instance": Pricing(services.cluster_instance, (Kind.DATABASE,)),
    "aws_vpc_endpoint": Pricing(services.endpoint, (Kind.ENDPOINT,)),
}
"""Resource types that are priced by their attributes. All others: by a flat price of their type, if the book has one."""

FORGOTTEN: Final = "it lives on and is paid for, though nobody manages it any more"
_NO_PRICE: Final = "there is no price for its type"


def estimate(plans: Mapping[str, Plan], book: PriceBook, unplanned: Collection[str] = ()) -> Estimate:
    """What the stacks cost a month before and after their plans. `unplanned`: stacks that cannot be planned yet.

    What stays as it is costs the same on both sides; what the state forgets is still paid for. A part whose price or size
    is not known on one side is in no sum, and listed with the reason.
    """
    pairs = [(stack, change, _sides(change, book)) for stack, plan in plans.items() for change in plan.changes]
    before = Around.of(sides.before for _, _, sides in pairs if sides.before)
    after = Around.of(sides.after for _, _, sides in pairs if sides.after)
    lines: list[Line] = []
    unpriced: list[Unpriced] = []
    usage: list[UsageBased] = []
    for stack, change, sides in pairs:
        here = (_parts(sides.before, book, before), _parts(sides.after, book, after))
        region = next((side.region for side in (sides.after, sides.before) if side), "")
        for what in dict.fromkeys((*here[0], *here[1])):
            found = _judged(Unpriced(stack, change.address, change.type, region, what, ""), *here, change.action)
            (lines if isinstance(found, Line) else unpriced).append(found)  # type: ignore[arg-type]
        if sides.after is not None and (words := book.usage.get(change.type)):
            usage.append(UsageBased(stack, change.address, change.type, words))
    silent = [name for name, plan in plans.items() if plan.fidelity is Fidelity.NONE or not plan.complete]
    return Estimate(
        currency=book.currency,
        as_of=book.as_of,
        source=book.source,
        region=book.region,
        stacks=tuple(plans),
        lines=tuple(sorted(lines, key=lambda line: (line.stack, line.address))),
        unpriced=tuple(sorted(unpriced, key=lambda one: (one.stack, one.address))),
        usage_based=tuple(sorted(usage, key=lambda one: (one.stack, one.address))),
        unplanned=tuple(sorted({*silent, *unplanned})),
    )


class _Sides(NamedTuple):
    before: Resource | None
    after: Resource | None


def _sides(change: ResourceChange, book: PriceBook) -> _Sides:
    """The resource before and after; None where it is not there."""
    before = _resource(change, book, change.before, ())
    after = _resource(change, book, change.after, change.unknown)
    match change.action:
        case Action.READ:
            return _Sides(None, None)
        case Action.CREATE:
            return _Sides(None, after)
        case Action.UPDATE | Action.REPLACE:
            return _Sides(before, after)
        case Action.DELETE:
            return _Sides(before, None)
        case Action.NOOP | Action.MOVE | Action.IMPORT:
            return _Sides(after or before, after or before)
        case Action.FORGET:
            return _Sides(before, before)
    assert_never(change.action)


def _resource(
    change: ResourceChange, book: PriceBook, values: Mapping[str, object] | None, unknown: tuple[str, ...]
) -> Resource | None:
    if values is None:
        return None
    seen = Seen(values, unknown)
    id_ = str(seen.get("id")) if seen.knows("id") else ""
    return Resource(change.address, change.type, seen, seen.region or change.region or book.region, id_)


def _parts(resource: Resource | None, book: PriceBook, around: Around) -> Mapping[str, Part]:
    """What is paid for a resource, by the names of its parts; nothing for what is free or depends on use alone."""
    if resource is None:
        return {}
    look = Look(resource, book, around)
    for kind in (Kind.HOURLY, Kind.MONTHLY):  # a flat price is somebody's word on the whole
        if book.sells(kind, resource.type):
            return {"": look.priced("", kind, resource.type, said="")}
    if pricing := PRICED.get(resource.type):
        return {part.what: part for part in pricing.parts(look)}
    if resource.type in book.usage or book.is_free(resource.type):
        return {}
    return {"": Part("", reason=_NO_PRICE)}


def _judged(at: Unpriced, before: Mapping[str, Part], after: Mapping[str, Part], action: Action) -> Line | Unpriced:
    """A line where both sides are known (what is not there costs nothing), else the reason why there is none."""
    sides = (before.get(at.what), after.get(at.what))
    missing = next((side for side in reversed(sides) if side and side.month is None), None)
    if missing is not None:
        return Unpriced(at.stack, at.address, at.type, at.region, at.what, missing.reason)
    amounts = [cents(side.month) if side and side.month is not None else NOTHING for side in sides]
    bases = dict.fromkeys(side.basis for side in sides if side)
    last = sides[1] or sides[0]
    notes = (*(last.notes if last else ()), *((FORGOTTEN,) if action is Action.FORGET else ()))
    return Line(at.stack, at.address, at.type, at.region, at.what, amounts[0], amounts[1], " → ".join(bases), notes)
