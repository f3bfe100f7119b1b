"""Which environment is meant and what it should be: from a blueprint on disk, or from a revision that the store keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters import revisions
from adapters.blueprints import NoBlueprint, read_blueprint
from adapters.locator import locate
from adapters.registry import Registry
from flows.request import Request
from lifecycle.blueprint.location import is_path
from lifecycle.blueprint.model import Blueprint
from lifecycle.compose import refuse_secrets
from lifecycle.environment import Environment, EnvironmentRef
from lifecycle.revision import Revision, chosen


@dataclass(frozen=True, slots=True)
class Place:
    """`path` is the blueprint's file as it is read now; `origin` the one that its user named: secrets and keys are beside that.

    `named` is how its user named it, and names it again: a path or a reference. `source` names exactly what was read now,
    where that is a commit or a bundle's version.
    """

    path: Path
    origin: Path
    blueprint: Blueprint
    ref: EnvironmentRef
    inputs: Mapping[str, Any]
    named: str
    source: str = ""
    revision: Revision | None = None


def located(request: Request, registry: Registry) -> Place:
    """What must be known before the lock can be taken: nothing else is read, and nothing made, without it."""
    if request.revision is not None:
        return _kept(request, registry)
    found = locate(request.blueprint, registry.settings, registry.store)
    blueprint = read_blueprint(found.path)
    refuse_secrets(blueprint, request.inputs)
    ref = EnvironmentRef(blueprint.name, request.environment)
    return Place(found.path, found.path, blueprint, ref, request.inputs, found.named, found.source)


def _kept(request: Request, registry: Registry) -> Place:
    """A revision of an environment that is known. Raises NoRevision, NoBlueprint."""
    ref = EnvironmentRef(request.blueprint, request.environment)
    environment = registry.store.environment(ref)
    if environment is None:
        raise NoBlueprint(f"there is no environment {ref}", hint="see the environments with: baton status")
    revision = chosen(registry.store.revisions(ref), environment.facts, request.revision or 0)
    return laid_out(revision, environment, registry)


def laid_out(revision: Revision, environment: Environment, registry: Registry) -> Place:
    """A revision, its files laid out. Raises NoRevision."""
    digests = {file.digest for file in revision.files.values()}
    target = revisions.folder(registry.settings.home, environment.ref)
    path = revisions.lay_out(revision, registry.store.contents(digests), target)
    named = environment.blueprint_path or str(path)
    origin = Path(named) if is_path(named) else path
    return Place(path, origin, read_blueprint(path), environment.ref, revision.inputs, named, revision.source, revision)
