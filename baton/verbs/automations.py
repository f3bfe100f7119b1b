"""`baton automations`: what the engine does by itself about runs that died, and whom it tells."""

from importlib import import_module
from typing import Annotated, Any

from cyclopts import App, Parameter

from adapters import settings as settings_of
from baton import console, engine
from baton.options import Json

app = App(name="automations", help="The engine's own reactions: dead runs are resumed, and somebody is told.")

Notify = Annotated[
    str,
    Parameter(help="The block of the engine that sends alerts, as TYPE/NAME: slack-webhook/ops. Default: as it is."),
]


@app.command
def apply(*, notify: Notify = "", json: Json = False) -> int:
    """Install them, or bring them up to date. Doing it again changes nothing."""
    return _tell(lambda flows, client: flows.apply(client, notify), as_json=json)


@app.command(name="list")
def list_(*, json: Json = False) -> int:
    """Show them, and whether the engine has them."""
    return _tell(lambda flows, client: flows.listed(client), as_json=json)


@app.command
def remove(*, json: Json = False) -> int:
    """Take them away. Those that are not Baton's stay."""
    return _tell(lambda flows, client: flows.remove(client), as_json=json)


def _tell(ask: Any, *, as_json: bool) -> int:
    engine.use(settings_of.load(), console.tell)
    flows = import_module("flows.automations")
    with import_module("flows.client").api() as client:
        found = ask(flows, client)
    if as_json:
        for one in found:
            console.emit("automation", name=one.name, description=one.description, state=one.became)
        return 0
    for one in found:
        console.out.print(f"{one.became:<10} {one.name}", markup=False)
        console.out.print(f"{'':<10} {one.description}", markup=False)
    if not found:
        console.out.print("none of Baton's automations are installed")
    return 0
