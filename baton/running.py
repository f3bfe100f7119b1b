"""Runs a verb's flow in this process: engine, local cloud, progress, Ctrl-C."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from adapters import settings as settings_of
from adapters.settings import Settings
from baton import cloud, console, engine
from baton.progress import showing
from lifecycle.blueprint.files import find_blueprint, read_blueprint
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError, ExitCode


def run_flow(verb: str, blueprint: str, environment: str, inputs: Mapping[str, Any], *, as_json: bool) -> Any:
    """Run a verb's flow here and show what it does; how the run ended. Raises what made it fail.

    The blueprint is read first: a mistake in it is said at once, before anything is started.
    """
    path = find_blueprint(blueprint)
    read_blueprint(path)
    settings = settings_of.load()
    if settings.cloud == "local":
        cloud.ensure(settings)
    engine.use(settings)
    verbs = import_module("flows.verbs")
    flow = getattr(import_module(f"flows.{verb}"), verb)
    with showing(as_json=as_json) as sink, verbs.called_by(verbs.Caller(sink)) as caller:
        flow(blueprint=str(path), environment=environment, inputs=dict(inputs), return_state=True)
    return caller.answer()


def target(text: str, environment: str, settings: Settings) -> tuple[str, str]:
    """(blueprint's path, environment's name) for `shop/dev` or for a path. Raises BatonError when nothing fits."""
    try:
        return str(find_blueprint(text)), environment
    except BatonError as no_blueprint:
        known = _known(text, settings)
        if known is None:
            raise BatonError(
                f"'{text}' is neither a blueprint nor an environment that Baton knows",
                hint="see them with: baton status",
            ) from no_blueprint
        return known


def _known(text: str, settings: Settings) -> tuple[str, str] | None:
    from adapters.registry import open_store

    try:
        ref = EnvironmentRef.parse(text)
    except BatonError:
        return None
    with open_store(settings) as store:
        found = store.environment(ref)
    return (found.blueprint_path, ref.name) if found else None


def code_of(error: BatonError, *, as_json: bool) -> int:
    """Say it and give its exit code."""
    console.complain(error, as_json=as_json)
    return int(error.exit_code or ExitCode.FAILED)
