"""Which environment is meant and what it should be: from a blueprint on disk, or from a revision that the store keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters import revisions
from adapters.blueprints import NoBlueprint, find_blueprint, read_blueprint
from adapters.registry import Registry
from flows.request import Request
from lifecycle.blueprint.model import Blueprint
from lifecycle.compose import refuse_secrets
from lifecycle.environment import Environment, EnvironmentRef
from lifecycle.revision import Revision, chosen


@dataclass(frozen=True, slots=True)
class Place:
    """`path` is the blueprint's file as it is read now; `origin` the one that its user named: secrets and keys are beside that."""

    path: Path
    origin: Path
    blueprint: Blueprint
    ref: EnvironmentRef
    inputs: Mapping[str, Any]
    revision: Revision | None = None


def located(request: Request, registry: Registry) -> Place:
    """What must be known before the lock can be taken: nothing else is read, and nothing made, without it."""
    if request.revision is not None:
        return _kept(request, registry)
    path = find_blueprint(request.blueprint)
    blueprint = read_blueprint(path)
    refuse_secrets(blueprint, request.inputs)
    return Place(path, path, blueprint, EnvironmentRef(blueprint.name, request.environment), request.inputs)


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
    origin = Path(environment.blueprint_path or path)
    return Place(path, origin, read_blueprint(path), environment.ref, revision.inputs, revision)
