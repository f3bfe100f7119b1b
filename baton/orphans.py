"""Removing what carries Baton's tag and belongs to no environment: shown first, and removed only when a person says so."""

from contextlib import closing
from typing import TYPE_CHECKING

from adapters import settings as settings_of
from baton import cloud, console
from baton.confirming import confirmed
from baton.progress import showing
from lifecycle.environment import EnvironmentRef
from lifecycle.events import saying
from lifecycle.holding import holding
from lifecycle.lock import Locked
from lifecycle.orphans import Orphans, find, remove
from lifecycle.ports import Cancellation, EventSink, Removal, Run
from lifecycle.report.words import orphans_text, removal_text

if TYPE_CHECKING:
    from adapters.registry import Registry


def remove_orphans(only: EnvironmentRef | None, *, as_json: bool, yes: bool) -> int:
    """Show what belongs to no environment, ask, and remove it; 1 where something is left."""
    from adapters.registry import Registry

    settings = settings_of.load()
    if settings.cloud == "local":
        cloud.ensure(settings)
    with closing(Registry.open(settings)) as registry:
        found = find(registry.cloud.tagged(only), registry.store.environments())
        for line in [] if as_json else orphans_text(found):
            console.out.print(line, markup=False)
        if not found:
            return 0
        if not yes and not confirmed("Remove them?", alone=False):
            console.err.print("nothing was touched; `--yes` removes them where nobody can be asked")
            return 1
        with showing(as_json=as_json) as sink:
            removals = {one.ref: _removed(one, registry, sink) for one in found}
    for ref, removal in removals.items():
        if as_json:
            console.emit("orphans", environment=str(ref), removed=list(removal.removed), left=dict(removal.left))
        for line in [] if as_json else removal_text(ref, removal):
            console.out.print(line, markup=False)
    return 1 if any(removal.left for removal in removals.values()) else 0


def _removed(one: Orphans, registry: "Registry", sink: EventSink) -> Removal:
    """What came of one environment's orphans. One that somebody works on is left alone."""
    from adapters.process.owner import current_owner

    say = saying(sink, registry.clock.now, str(one.ref))
    cancel = Cancellation()
    try:
        with holding(registry.store, one.ref, current_owner(), cancel) as lock:
            return remove(one.ref, registry.store, registry.cloud, registry.clock, lock, Run(say, cancel))
    except Locked as locked:
        return Removal(left={r.id: locked.message for r in one.resources})
