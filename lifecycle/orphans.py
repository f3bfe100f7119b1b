"""Orphans: what carries Baton's tag in the cloud and belongs to no environment that stands. Found, adopted, removed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.ledger import Draft
from lifecycle.lock import Lock
from lifecycle.ports import Clock, Cloud, CloudResource, Removal, Run, Store

MEANT_TO_GO: Final = {
    Phase.NEW: "it was never brought up",
    Phase.DESTROYED: "it is destroyed",
    Phase.TEARING_DOWN: "its teardown left it",
    Phase.QUARANTINED: "its teardown left it",
}
"""Phases in which nothing in the cloud is an environment's own any more, and why."""


@dataclass(frozen=True, slots=True)
class Orphans:
    """What carries the tag of one environment, and why it belongs to none."""

    ref: EnvironmentRef
    why: str
    resources: tuple[CloudResource, ...]


def find(resources: Iterable[CloudResource], known: Iterable[Environment]) -> tuple[Orphans, ...]:
    """The orphans among resources, by environment. What an environment has that stands, in any cloud, is none; nor is what
    carries a tag that names no environment."""
    phases = {e.ref: e.phase for e in known}
    by_ref: dict[EnvironmentRef, list[CloudResource]] = {}
    for resource in resources:
        if resource.environment is not None:
            by_ref.setdefault(resource.environment, []).append(resource)
    whys = {ref: MEANT_TO_GO.get(phases[ref], "") if ref in phases else "this store does not know it" for ref in by_ref}
    return tuple(Orphans(ref, whys[ref], tuple(found)) for ref, found in sorted(by_ref.items()) if whys[ref])


def remove(ref: EnvironmentRef, store: Store, cloud: Cloud, clock: Clock, lock: Lock, run: Run) -> Removal:
    """Remove the orphans of one environment, under its lock: it is looked at anew, since somebody may have brought it up
    meanwhile. What is going to be removed, and what came of it, is in its ledger."""
    known = store.environment(ref)
    found = find(cloud.tagged(ref), [known] if known else [])
    resources: Sequence[CloudResource] = [r for orphans in found for r in orphans.resources]
    if not resources:
        return Removal()
    listed = [f"{r.type} {r.id}" for r in resources]

    def tell(type: str, **data: object) -> None:
        store.conclude(lock, [], [Draft(type, str(ref), clock.now(), data)])

    tell("baton.orphans.removing", message=f"{len(listed)} found", resources=listed)
    removal = cloud.remove(resources, run)
    words = f"{len(removal.removed)} removed, {len(removal.left)} left"
    status = "failed" if removal.left else "ok"
    tell("baton.orphans.removed", status=status, message=words, removed=list(removal.removed), left=dict(removal.left))
    return removal
