"""Rules over the environment as a whole: its cost, its lease, how much a change destroys."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from lifecycle.blueprint.policy_rules import BlastRadius, MaxLease, MaxMonthlyCost
from lifecycle.blueprint.scalars import format_duration
from lifecycle.plan import Action, ResourceChange
from lifecycle.policy.planned import Planned, Remark

HOSTS = ("aws_instance", "aws_spot_instance_request", "host")
"""Types that are a host each; `host` is the fake provisioner's."""

_SHOWN = 5


def max_monthly_cost(keys: MaxMonthlyCost, planned: Planned) -> Iterator[Remark]:
    """A month that would cost more than allowed."""
    cost, currency = planned.facts.monthly_cost, planned.facts.currency
    if cost is None:
        yield Remark("what a month would cost is not known", unknown=True)
    elif cost > keys.limit:
        message = f"a month would cost {_money(cost)} {currency}, {_money(keys.limit)} are allowed"
        yield Remark(message, "make it smaller, or have the limit raised")


def max_lease(keys: MaxLease, planned: Planned) -> Iterator[Remark]:
    """No lease at all, or one that is too long."""
    longest, lease = format_duration(keys.limit), planned.facts.lease
    if not planned.facts.leased:
        yield Remark("it has no lease and may stand for ever", f"write lease: {{ttl: {longest}}}, or less")
    elif lease is None:
        yield Remark("how long its lease is, is not known", unknown=True)
    elif lease > keys.limit:
        yield Remark(f"its lease is {format_duration(lease)}, {longest} are allowed", f"write ttl: {longest}, or less")


def blast_radius(keys: BlastRadius, planned: Planned) -> Iterator[Remark]:
    """A change that destroys or replaces more than allowed: it says how much of how much."""
    changes = [
        change
        for stack in planned.facts.stacks
        if stack.plan and not stack.plan.destroy
        for change in stack.plan.changes
        if change.before is not None or change.physical_id
    ]
    hosts = [change for change in changes if change.type in HOSTS]
    population = len(hosts) if planned.facts.hosts is None else planned.facts.hosts
    doomed = [change for change in hosts if _destroyed(change)]
    if doomed:
        too_many = keys.hosts is not None and len(doomed) > keys.hosts
        too_much = keys.percent is not None and len(doomed) * 100 > keys.percent * max(population, len(doomed))
        if too_many or too_much:
            limits = [f"{keys.hosts} hosts"] if too_many else []
            limits += [f"{keys.percent} %"] if too_much else []
            yield _too_much(doomed, f"{max(population, len(doomed))} hosts", " and ".join(limits))
    gone = [change for change in changes if _destroyed(change)]
    if keys.resources is not None and len(gone) > keys.resources:
        yield _too_much(gone, f"{len(changes)} resources", f"{keys.resources} resources")


def _destroyed(change: ResourceChange) -> bool:
    return change.action in (Action.DELETE, Action.REPLACE)


def _too_much(selection: Sequence[ResourceChange], population: str, limit: str) -> Remark:
    names = ", ".join(change.address for change in selection[:_SHOWN])
    more = f" and {len(selection) - _SHOWN} more" if len(selection) > _SHOWN else ""
    message = f"{len(selection)} of {population} would be destroyed or replaced, {limit} are allowed: {names}{more}"
    return Remark(message, "change them in several steps, or see in the plan what forces it")


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"
