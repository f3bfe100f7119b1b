"""`baton logs`: what a run said, by step and host."""

from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter
from rich.text import Text

from adapters import runlog
from adapters import settings as settings_of
from baton import console
from baton.naming import known_environment
from baton.options import Env, Json, Target
from baton.verbs.trace import RunNumber
from baton.views import named
from lifecycle.errors import BatonError

Step = Annotated[str, Parameter(help="Only steps whose key begins so, e.g. configure:web or apply.")]
HostName = Annotated[str, Parameter(help="Only what was said about this host.")]
_STYLES = {"error": "red", "warning": "yellow", "debug": "dim"}


def logs(
    environment: Target,
    run: RunNumber = 0,
    *,
    env: Env = "dev",
    step: Step = "",
    host: HostName = "",
    json: Json = False,
) -> int:
    """Show what a run said: every step, every Terraform resource, every Ansible task. Secrets are masked."""
    from adapters.registry import open_store

    settings = settings_of.load()
    home = settings.home
    with open_store(settings) as store:
        ref = known_environment(store, environment, env)
        names = {h.id: h.name for h in store.hosts(ref)}
    known = runlog.runs(home, ref)
    number = run or max(known, default=0)
    if number not in known:
        hint = f"runs with a log on this machine: {', '.join(map(str, known)) or 'none'}"
        raise BatonError(f"there is no log of run {number} of {ref}" if number else f"{ref} has no logs", hint=hint)
    for event in runlog.read(home, ref, number):
        shown = named(str(event["step"]), names)
        if not (shown.startswith(step) or str(event["step"]).startswith(step)) or (host and not _about(event, host)):
            continue
        if json:
            console.emit("log", run=number, **{k if k != "type" else "event": v for k, v in event.items()})
        else:
            console.out.print(_line(event, shown), soft_wrap=True)
    return 0


def _about(event: Mapping[str, Any], host: str) -> bool:
    return event["data"].get("host") == host or host in str(event["message"])


def _line(event: Mapping[str, Any], step: str) -> Text:
    at = str(event["at"])[11:19]
    style = _STYLES.get(str(event["level"]), "")
    return Text.assemble((f"{at} ", "dim"), (f"{step or '-'}  ", "cyan"), (str(event["message"]), style))
