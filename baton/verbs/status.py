"""`baton status`: how environments stand."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from adapters import settings as settings_of
from baton import console
from baton.naming import environment_named, unknown
from baton.options import Env, Json
from baton.views import environment_lines, environments_table
from lifecycle.report.fields import environment_fields

Which = Annotated[str, Parameter(help="An environment as BLUEPRINT/NAME, or the path of its blueprint. Default: all.")]


def status(environment: Which = "", *, env: Env = "dev", json: Json = False) -> int:
    """Show environments: phase, age, hosts, last checks, and what to do next."""
    from adapters.registry import open_store

    now = datetime.now(UTC)
    with open_store(settings_of.load()) as store:
        found = store.environments()
        if environment:
            ref = environment_named(environment, env)
            found = [e for e in found if e.ref == ref]
            if not found:
                raise unknown(ref)
        details = {e.ref: (store.hosts(e.ref), store.journal(e.ref), store.holder(e.ref)) for e in found}
    if json:
        for e in found:
            console.emit("environment", **environment_fields(e, *details[e.ref]))
        return 0
    if environment:
        for line in environment_lines(found[0], *details[found[0].ref], now=now):
            console.out.print(line)
        return 0
    rows = [(e, *details[e.ref][:2]) for e in found]
    console.out.print(environments_table(rows, now) if rows else "no environments yet; make one with: baton up")
    return 0
