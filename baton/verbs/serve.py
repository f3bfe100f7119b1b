"""`baton serve`: everything that runs of deployments need, on this machine, until it is stopped."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from adapters import endpoint
from adapters import settings as settings_of
from adapters.settings import Settings
from baton import cloud, console, engine
from baton.options import Json
from baton.serving import Serving, ServingFailed, Told, last_words, only_server
from lifecycle.report.words import counted

NoCloud = Annotated[
    bool, Parameter(name="--no-cloud", help="Do not start the local cloud where the settings name it.", negative="")
]
_MARKS = {
    "Started": "[cyan]▸[/]",
    "Completed": "[green]✓[/]",
    "Cancelled": "[yellow]■[/]",
    "Cancelling": "[yellow]■[/]",
}


def serve(*, no_cloud: NoCloud = False, json: Json = False) -> int:
    """Serve Prefect deployments here: server, work pool, worker and every verb as a deployment. Ctrl-C ends it."""
    settings = settings_of.load()
    with only_server(settings, lambda: {"pid": os.getpid()}) as other:
        if other is not None:
            return _served_already(settings, other, as_json=json)
        if settings.cloud == "local" and not no_cloud:
            cloud.ensure(settings)
        elif settings.cloud != "local":
            endpoint.find(settings)  # a name that is no cloud's is said before anything is started
        resident = not (settings.engine or engine.configured_api(os.environ))
        started = resident and engine.find(settings) is None
        url = engine.use(settings, console.tell)
        try:
            code = _serve(settings, url, resident=resident, as_json=json)
        finally:
            if started:
                _stop_server(settings)
        console.tell("stopped")
        return code


def _serve(settings: Settings, url: str, *, resident: bool, as_json: bool) -> int:
    errors: list[str] = []

    def hear(told: Told) -> None:
        if told["type"] == "error":
            errors.append(str(told["message"]))
        elif told["type"] == "deployed":
            _tell_ready(url, list(told["names"]), resident=resident, as_json=as_json)
        elif as_json:
            _emit(told)
        else:
            _tell(told)

    with _asked() as asked:
        console.tell("starting the worker and deploying the verbs")
        serving = Serving(settings, hear)
        try:
            code = serving.follow(lambda: len(asked))
        finally:
            serving.close()
    if code and not asked:
        words = errors[-1] if errors else f"the worker ended by itself ({code}): {last_words(serving.log)}"
        raise ServingFailed(words, hint=f"its log says more: {serving.log}")
    return 0


def _tell_ready(url: str, names: list[str], *, resident: bool, as_json: bool) -> None:
    ui = url.removesuffix("/").removesuffix("/api")
    if as_json:
        console.emit("serving", url=url, ui=ui, deployments=names, pool="baton", pid=os.getpid())
        return
    console.out.print(
        f"[green]✓[/] serving {counted(len(names), 'deployment')} at [bold]{escape(ui)}[/]: {', '.join(names)}"
    )
    if resident:
        console.out.print("  log in:   with the password that `baton server login` prints", markup=False)
        console.out.print('  commands: eval "$(baton server env)"  for Prefect\'s own command line', markup=False)
    console.out.print("  blueprint: baton publish FOLDER  prints the reference to paste into the form", markup=False)
    console.out.print(
        "  run:      Deployments > up > Quick or Custom run, or: prefect deployment run up/baton -p blueprint=store:NAME --watch",
        markup=False,
    )
    console.out.print("  stop:     Ctrl-C", markup=False)


def _emit(told: Mapping[str, Any]) -> None:
    match told["type"]:
        case "run":
            console.emit("run", id=told["id"], name=told["name"], state=told["state"], message=told["message"])
        case "stopping":
            console.emit("stopping", runs=told["runs"])
        case _:
            pass


def _tell(told: Mapping[str, Any]) -> None:
    match told["type"]:
        case "run":
            mark = _MARKS.get(told["state"], "[red]✗[/]")
            words = f"{told['name']}: {told['state'].lower()}" + (f", {told['message']}" if told["message"] else "")
            console.out.print(f"{datetime.now().astimezone():%H:%M:%S} {mark} {escape(words)}")
        case "stopping":
            runs = told["runs"]
            words = f"; asking {counted(runs, 'run')} to stop, 30 s at most (again: at once)" if runs else ""
            console.tell(f"stopping: no new runs{words}")
        case _:
            pass


def _served_already(settings: Settings, other: Told, *, as_json: bool) -> int:
    server = engine.read(settings)
    url = settings.engine or engine.configured_api(os.environ) or (server.url if server else "")
    ui, pid = url.removesuffix("/").removesuffix("/api"), other.get("pid", 0)
    if as_json:
        console.emit("serving", url=url, ui=ui, pid=pid, already=True)
    else:
        console.out.print(f"served already by process {pid}" + (f", at {ui}" if ui else ""), markup=False)
    return 0


def _stop_server(settings: Settings) -> None:
    """Stop the server that we started, unless somebody else's run still needs it."""
    server = engine.read(settings)
    if server is None or not engine.kept_by(server):
        return
    if engine.running_flows(server):
        console.tell("the engine's server stays: other runs use it; it stops by itself when it is idle")
        return
    console.tell("stopping the engine's server")
    engine.stop(server)


@contextmanager
def _asked() -> Iterator[list[int]]:
    """Every SIGINT, SIGTERM and SIGHUP that comes meanwhile, instead of what they would do."""
    came: list[int] = []
    signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # under nohup
        signals.remove(signal.SIGHUP)
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in signals}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
