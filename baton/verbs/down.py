"""`baton down`: take an environment down and prove that nothing is left; or remove what belongs to none."""

from collections.abc import Mapping
from typing import Any

from adapters import settings as settings_of
from baton import console
from baton.confirming import confirmed
from baton.heads import head_fields, head_of_failures, tell_head
from baton.naming import BlueprintGone, blueprint_of, environment_named
from baton.options import At, Env, Input, Json, OrphansOnly, Target, Wait, Yes, Zone, inputs, seconds
from baton.orphans import remove_orphans
from baton.running import View, call_flow, run_flow
from baton.schedules import appoint, tell_end, tell_shown
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.report.fields import ended_fields
from lifecycle.report.words import left_text, proof_text


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
        changed = appoint(environment, env, at, tz)
        tell_end(changed, as_json=json)
        tell_shown(changed)
        return 0
    if orphans:
        only = None if environment == "." else environment_named(environment, env)
        return remove_orphans(only, as_json=json, yes=yes)
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
        ended = take_down(path, name, inputs(input), seconds(wait), kept, as_json=json)
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


def take_down(
    path: str,
    name: str,
    given: Mapping[str, str],
    wait: float,
    kept: int | None,
    *,
    as_json: bool,
    view: View | None = None,
) -> Any:
    """How the teardown ended, by the blueprint on disk or by the revision that the store keeps. Raises what made it fail."""
    if kept is None:
        return run_flow("down", path, name, given, wait=wait, as_json=as_json, view=view)
    console.tell(f"its blueprint is not there any more: revision {kept} says what it is made of")
    parameters = {"blueprint": path, "environment": name, "inputs": dict(given), "wait": wait, "revision": kept}
    with head_of_failures(EnvironmentRef(path, name), as_json=as_json):
        return call_flow("down", parameters, as_json=as_json, view=view)
