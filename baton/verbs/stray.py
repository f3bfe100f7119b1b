"""`baton stray`: what an interrupted apply made and no state knows is taken over or removed, as a person decides."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from adapters import settings as settings_of
from adapters.blueprints import read_blueprint
from adapters.locator import locate
from baton import cloud, console
from baton.naming import blueprint_of
from baton.options import Env, Json, Target
from baton.progress import showing
from lifecycle.blueprint.model import Blueprint
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError, ExitCode
from lifecycle.events import saying
from lifecycle.holding import holding
from lifecycle.ledger import Draft
from lifecycle.ports import STACK_TAG, Cancellation, CloudResource, Run, StackSpec

if TYPE_CHECKING:
    from adapters.registry import Registry

ResourceId = Annotated[str, Parameter(help="What the cloud calls it, such as i-0123456789abcdef0.")]
Address = Annotated[str, Parameter(help="Take it over as this resource of its stack.")]
Remove = Annotated[bool, Parameter(help="Remove it.", negative="")]


class NoStray(BatonError):
    """Nothing in the cloud has this id and the environment's tags."""

    exit_code = ExitCode.USAGE


class NotDecided(BatonError):
    """Neither or both of the two ways were named."""

    exit_code = ExitCode.USAGE


def stray(
    environment: Target, id: ResourceId, *, env: Env = "dev", address: Address = "", remove: Remove = False,
    json: Json = False,
) -> int:  # fmt: skip
    """Decide about a resource that carries an environment's tags and that no state knows: take it over, or remove it."""
    from adapters.registry import Registry

    if bool(address) == remove:
        raise NotDecided("say what becomes of it: --address ADDRESS takes it over, --remove removes it")
    settings = settings_of.load()
    path, name = blueprint_of(environment, env, settings)
    file = locate(path, settings).path
    blueprint = read_blueprint(file)
    ref = EnvironmentRef(blueprint.name, name)
    if settings.cloud == "local":
        cloud.ensure(settings)
    with closing(Registry.open(settings)) as registry, showing(as_json=json) as sink:
        registry.withhold(blueprint)
        found = next((r for r in registry.cloud.tagged(ref) if r.id == id), None)
        stack = found.tags.get(STACK_TAG, "") if found else ""
        if found is None or stack not in blueprint.stacks:
            raise NoStray(
                f"nothing with the id {id} carries the tags of a stack of {ref}",
                hint="the message that named it says its id; it may be gone by now",
            )

        spec = StackSpec(ref, stack, (file.parent / blueprint.stacks[stack].source).resolve())
        words = _decide(
            found, spec, address, registry, blueprint, Run(saying(sink, registry.clock.now, str(ref)), Cancellation())
        )
    if json:
        console.emit("stray", environment=str(ref), id=id, address=address, removed=remove)
    else:
        console.out.print(words, markup=False)
    return 0


def _decide(
    found: CloudResource, spec: StackSpec, address: str, registry: "Registry", blueprint: Blueprint, run: Run
) -> str:
    """Do it under the environment's lock, with an entry in its ledger; what was done, in words."""
    from adapters.process.owner import current_owner

    ref = spec.environment
    with holding(registry.store, ref, current_owner(), run.cancel) as lock:
        if address:
            registry.provisioner(blueprint).adopt(spec, address, found.id, run)
            words = f"{found.type} {found.id} is {address} of stack {spec.name} now"
        else:
            left = registry.cloud.remove([found], run).left
            if left:
                raise BatonError(f"{found.type} {found.id} is still there: {left[found.id]}")
            words = f"{found.type} {found.id} is removed"
        data = {"message": words, "status": "ok", "id": found.id, "address": address}
        registry.store.conclude(lock, [], [Draft("baton.stray.decided", str(ref), registry.clock.now(), data)])
    return words
