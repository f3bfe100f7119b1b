"""`baton server`: the engine's resident local server."""

import os

from cyclopts import App

from adapters import settings as settings_of
from baton import console, engine
from baton.options import Json
from lifecycle.errors import BatonError

app = App(name="server", help="The engine's resident local server: started by the first flow, stops when idle.")


@app.command
def status(*, json: Json = False) -> int:
    """Say which API flows talk to, and how the resident server is."""
    settings = settings_of.load()
    configured = settings.engine or engine.configured_api(os.environ)
    server = engine.find(settings)
    if json:
        console.emit("server", configured=configured, running=server is not None, url=server.url if server else "")
    elif configured:
        console.out.print(f"flows talk to your own Prefect API: {configured}")
    elif server:
        ui = server.url.removesuffix("/api")
        console.out.print(f"running at {ui} (process {server.pid}); user and password: `baton server login`")
    else:
        console.out.print("not running; the next flow starts it (about 10 s once, about 230 MB while it lives)")
    return 0


@app.command
def start() -> int:
    """Start the resident server, or find it running."""
    server = engine.ensure(settings_of.load(), console.tell)
    console.out.print(f"running at {server.url.removesuffix('/api')}")
    return 0


@app.command
def login() -> int:
    """Print the password that the server's page asks for."""
    server = engine.read(settings_of.load())
    if server is None:
        raise BatonError("the resident server is not running", hint="start it: baton server start")
    console.out.print(server.auth, markup=False)
    return 0


@app.command
def env() -> int:
    """Print shell lines that point Prefect's own command line at the resident server: eval "$(baton server env)"."""
    settings = settings_of.load()
    for name, value in engine.client_variables(settings, engine.ensure(settings, console.tell)).items():
        console.out.print(f"export {name}='{value}'", markup=False)
    return 0


@app.command
def stop() -> int:
    """Stop the resident server."""
    settings = settings_of.load()
    server = engine.read(settings)
    if server is None or not engine.kept_by(server):
        console.out.print("not running")
        return 0
    engine.stop(server)
    console.out.print("stopped")
    return 0
