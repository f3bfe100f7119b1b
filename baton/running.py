"""Runs a verb's flow in this process: engine, local cloud, progress, Ctrl-C."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from adapters import settings as settings_of
from adapters.blueprints import find_blueprint, read_blueprint
from baton import cloud, console, engine
from baton.progress import showing
from lifecycle.compose import refuse_secrets
from lifecycle.environment import checked_name


def run_flow(verb: str, blueprint: str, environment: str, inputs: Mapping[str, Any], *, as_json: bool) -> Any:
    """Run a verb's flow here and show what it does; how the run ended. Raises what made it fail.

    The blueprint is read first: a mistake in it is said at once, before anything is started.
    """
    path = find_blueprint(blueprint)
    refuse_secrets(read_blueprint(path), inputs)
    checked_name(environment)
    settings = settings_of.load()
    if settings.cloud == "local":
        cloud.ensure(settings)
    engine.use(settings, console.tell)
    verbs = import_module("flows.verbs")
    flow = getattr(import_module(f"flows.{verb}"), verb)
    with showing(as_json=as_json) as sink, verbs.called_by(verbs.Caller(sink)) as caller:
        state = flow(blueprint=str(path), environment=environment, inputs=dict(inputs), return_state=True)
    return caller.answer(state)
