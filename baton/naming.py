"""Which environment is meant: `shop/dev`, or the path of its blueprint with --env."""

from adapters import settings as settings_of
from adapters.blueprints import NoBlueprint, read_blueprint
from adapters.locator import locate
from adapters.settings import Settings
from lifecycle.blueprint.location import is_path
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError, ExitCode
from lifecycle.ports import Store
from lifecycle.revision import REVISION


class UnknownEnvironment(BatonError):
    """What was named is neither a blueprint nor an environment that Baton knows."""

    exit_code = ExitCode.USAGE


class BlueprintGone(BatonError):
    """The blueprint that an environment was made from is not where it was. `revision`: the one in the store that has its files."""

    exit_code = ExitCode.USAGE

    def __init__(self, ref: EnvironmentRef, path: str, hint: str, revision: int | None, why: str = "") -> None:
        self.ref, self.revision = ref, revision
        words = f"cannot be had now: {why}" if why else "is not there any more"
        super().__init__(f"{ref} was made from {path}, which {words}", hint=hint)


def unknown(ref: EnvironmentRef) -> UnknownEnvironment:
    return UnknownEnvironment(f"there is no environment {ref}", hint="see the environments with: baton status")


def environment_named(text: str, environment: str) -> EnvironmentRef:
    """The environment that a word names: a blueprint's reference, or `blueprint/name`. A path that holds a blueprint wins."""
    try:
        return EnvironmentRef(read_blueprint(locate(text, settings_of.load()).path).name, environment)
    except NoBlueprint:
        return EnvironmentRef.parse(text)


def known_environment(store: Store, text: str, environment: str) -> EnvironmentRef:
    """The environment that a word names, if it was ever begun. Raises UnknownEnvironment."""
    ref = environment_named(text, environment)
    if store.environment(ref) is None:
        raise unknown(ref)
    return ref


def blueprint_of(text: str, environment: str, settings: Settings) -> tuple[str, str]:
    """(blueprint's path or reference, environment's name) of what a word names. Raises UnknownEnvironment, BlueprintGone."""
    from adapters.registry import open_store

    try:
        return locate(text, settings).named, environment
    except NoBlueprint as no_blueprint:
        try:
            ref = EnvironmentRef.parse(text)
        except BatonError:
            raise no_blueprint from None
        with open_store(settings) as store:
            found = store.environment(ref)
            kept = {r.number for r in store.revisions(ref) if r.files}
        if found is None:
            hint = "see the environments with: baton status"
            raise UnknownEnvironment(f"'{text}' is neither a blueprint nor a known environment", hint=hint) from None
        try:
            return locate(found.blueprint_path, settings).named, ref.name
        except BatonError as gone:
            hint = f"bring it back, or name a copy of it in place of {text}, with --env {ref.name}"
            revision, why = found.facts.get(REVISION), "" if is_path(found.blueprint_path) else gone.message
            raise BlueprintGone(ref, found.blueprint_path, hint, revision if revision in kept else None, why) from None
