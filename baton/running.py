"""Runs a verb's flow in this process: engine, local cloud, progress, Ctrl-C."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from adapters import endpoint
from adapters import settings as settings_of
from adapters.blueprints import read_blueprint
from adapters.locator import locate
from baton import cloud, console, engine
from baton.heads import head_of_failures
from baton.progress import showing
from lifecycle.compose import refuse_secrets
from lifecycle.environment import EnvironmentRef, checked_name
from lifecycle.errors import BatonError
from lifecycle.ports import EventSink

View = AbstractContextManager[EventSink]
"""What shows a run's events as long as it is open."""
_GO_ON = "look at it with `baton server status`, then run this again: it goes on where it was"


class EngineLost(BatonError):
    """The engine's server went away in the middle of a run."""


def run_flow(
    verb: str,
    blueprint: str,
    environment: str,
    inputs: Mapping[str, Any],
    *,
    wait: float = 0,
    as_json: bool,
    more: Mapping[str, Any] | None = None,
    view: View | None = None,
) -> Any:
    """Run a verb's flow here and show what it does; how the run ended. Raises what made it fail.

    The blueprint is read first: a mistake in it is said at once, before anything is started.
    """
    found = locate(blueprint, settings_of.load())
    read = read_blueprint(found.path)
    refuse_secrets(read, inputs)
    ref = EnvironmentRef(read.name, checked_name(environment))
    if found.source:
        console.tell(found.words)
    given = {"blueprint": found.named, "environment": environment, "inputs": dict(inputs), "wait": wait, **(more or {})}
    with head_of_failures(ref, as_json=as_json):
        return call_flow(verb, given, as_json=as_json, view=view)


def call_flow(
    verb: str, parameters: Mapping[str, Any], *, as_json: bool, answer: str = "ended", view: View | None = None
) -> Any:
    """Run a flow here with these parameters and show what it does; what it leaves to its caller. Raises what made it fail.

    `view` shows its events in place of the view that fits the terminal.
    """
    settings = settings_of.load()
    if settings.cloud == "local":
        cloud.ensure(settings)
    else:
        endpoint.find(settings)  # a name that is no cloud's is said before anything is started
    engine.use(settings, console.tell, meanwhile=lambda: import_module(f"flows.{verb}"))
    verbs = import_module("flows.verbs")
    flow = getattr(import_module(f"flows.{verb}"), verb)
    with view or showing(as_json=as_json) as sink, verbs.called_by(verbs.Caller(sink)) as caller:
        return _answer(caller, lambda: flow(**parameters, return_state=True), answer)


def _answer(caller: Any, flow: Callable[[], Any], answer: str = "ended") -> Any:
    """How the run ended, also where the engine was not there any more to be told. Raises what made it fail, EngineLost."""
    from httpx import TransportError

    try:
        state = flow()
    except TransportError as lost:
        if caller.error is not None:
            raise caller.error from None
        if (left := getattr(caller, answer)) is not None:
            console.tell("the engine went away before it could be told how the run ended")
            return left
        raise EngineLost(f"the engine does not answer any more: {lost}", hint=_GO_ON) from None
    return caller.answer(state, answer)
