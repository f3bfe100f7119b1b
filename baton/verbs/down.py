"""`baton down`: take an environment down and prove that nothing is left; or remove what belongs to none."""

import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.prompt import Confirm

from adapters import settings as settings_of
from baton import cloud, console
from baton.heads import head_fields, head_of_failures, tell_head
from baton.naming import BlueprintGone, blueprint_of, environment_named
from baton.options import At, Env, Input, Json, OrphansOnly, Target, Wait, Yes, Zone, inputs, seconds
from baton.progress import saying, showing
from baton.running import call_flow, run_flow
from baton.schedules import appointed_time, changing
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.holding import holding
from lifecycle.lease import Appointment, appointed
from lifecycle.lock import Locked
from lifecycle.orphans import Orphans, find, remove
from lifecycle.ports import Cancellation, EventSink, Removal, Run
from lifecycle.report.fields import ended_fields, lease_fields
from lifecycle.report.words import lease_text, left_text, orphans_text, proof_text, removal_text

if TYPE_CHECKING:
    from adapters.registry import Registry


def down(
    environment: Target = ".",
    *,
    at: At = "",
    tz: Zone = "",
    env: Env = "dev",
    input: Input = None,
    orphans: OrphansOnly = False,
    json: Json = False,
    wait: Wait = False,
    yes: Yes = False,
) -> int:
    """Destroy an environment in reverse order, then look independently for anything that is left, and certify that nothing is."""
    if at or tz:
        return _appoint(environment, env, at, tz, as_json=json)
    if orphans:
        only = None if environment == "." else environment_named(environment, env)
        return _remove_orphans(only, as_json=json, yes=yes)
    try:
        path, name = blueprint_of(environment, env, settings_of.load())
        kept = None
    except BlueprintGone as gone:
        if gone.revision is None:
            raise
        path, name, kept = gone.ref.blueprint, gone.ref.name, gone.revision
    if not yes and not confirmed(f"Destroy everything in {environment} ({name})?"):
        console.err.print("nothing was touched")
        return 1
    try:
        ended = _down(path, name, inputs(input), seconds(wait), kept, as_json=json)
    except BatonError as error:
        if not json and error.facts.get("left"):
            for line in left_text(error.facts["left"]):
                console.out.print(line, markup=False)
        raise
    if json:
        console.emit("result", **ended_fields(ended), ledger=head_fields(ended.environment.ref))
        return 0
    for line in proof_text(ended):
        console.out.print(line, markup=False)
    tell_head(ended.environment.ref)
    return 0


def _down(path: str, name: str, given: Mapping[str, str], wait: float, kept: int | None, *, as_json: bool) -> Any:
    """How the teardown ended, by the blueprint on disk or by the revision that the store keeps. Raises what made it fail."""
    if kept is None:
        return run_flow("down", path, name, given, wait=wait, as_json=as_json)
    console.tell(f"its blueprint is not there any more: revision {kept} says what it is made of")
    parameters = {"blueprint": path, "environment": name, "inputs": dict(given), "wait": wait, "revision": kept}
    with head_of_failures(EnvironmentRef(path, name), as_json=as_json):
        return call_flow("down", parameters, as_json=as_json)


def _appoint(environment: str, env: str, at: str, tz: str, *, as_json: bool) -> int:
    """Appoint the end of an environment, or take the appointment back."""
    now = datetime.now(UTC)
    when = None if at == "never" else appointed_time(at, tz, now)
    said = " ".join(word for word in (at, tz) if word)
    changed = changing(
        environment, env, lambda e, now, who: appointed(e, Appointment(when, said, who) if when else None, now)
    )
    if as_json:
        console.emit("lease", environment=str(changed.ref), **lease_fields(changed))
        return 0
    for line in lease_text(changed, now):
        console.out.print(line, markup=False)
    return 0


def confirmed(question: str, *, alone: bool = True) -> bool:
    """Ask a person; without one to ask (a pipe, CI) `alone` is the answer: there the command line itself is the word."""
    if not (sys.stdin.isatty() and console.err.is_terminal):
        return alone
    return Confirm.ask(question, console=console.err, default=False)


def _remove_orphans(only: EnvironmentRef | None, *, as_json: bool, yes: bool) -> int:
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

    say = saying(sink, registry.clock, str(one.ref))
    cancel = Cancellation()
    try:
        with holding(registry.store, one.ref, current_owner(), cancel) as lock:
            return remove(one.ref, registry.store, registry.cloud, registry.clock, lock, Run(say, cancel))
    except Locked as locked:
        return Removal(left={r.id: locked.message for r in one.resources})
