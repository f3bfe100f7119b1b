"""`baton schedule`: when environments are taken down, and taking one down again and again."""

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter

from adapters import settings as settings_of
from baton import console, in_engine
from baton.naming import environment_named, unknown
from baton.options import Env, Json, Target
from baton.schedules import changing, tell_end, tell_shown
from baton.views import ends_table
from lifecycle.ends import ends
from lifecycle.recurring import added, removed
from lifecycle.report.fields import end_fields

app = App(name="schedule", help="Show when environments are taken down, and have one taken down again and again.")

Cron = Annotated[
    str, Parameter(help='Minute, hour, day of the month, month, day of the week: "0 19 * * 1-5".', metavar="CRON")
]
Zone = Annotated[
    str, Parameter(name="--tz", help="The time zone whose clocks are meant: Europe/Berlin.", metavar="ZONE")
]
Only = Annotated[str, Parameter(name="--cron", help="The one with this expression. Default: all.", metavar="CRON")]
Which = Annotated[str, Parameter(help="An environment as BLUEPRINT/NAME, or the path of its blueprint. Default: all.")]


@app.command
def add(environment: Target, *, cron: Cron, tz: Zone, env: Env = "dev", json: Json = False) -> int:
    """Take an environment down at certain times. It stays said when the environment is gone, for its next `up`."""
    changed = changing(environment, env, lambda e, now, who: added(e, cron, tz, who, now))
    tell_end(changed, as_json=json)
    tell_shown(changed)
    return 0


@app.command
def ls(environment: Which = "", *, env: Env = "dev", json: Json = False) -> int:
    """Show when environments are taken down: appointments, recurring teardowns, leases' ends."""
    from adapters.registry import open_store

    settings, now = settings_of.load(), datetime.now(UTC)
    with open_store(settings) as store:
        found = store.environments()
    if environment:
        ref = environment_named(environment, env)
        found = [e for e in found if e.ref == ref]
        if not found:
            raise unknown(ref)
    rows = sorted(((e, end) for e in found for end in ends(e, now)), key=lambda row: (row[1].at, row[0].ref))
    seen = in_engine.shown(settings, [e for e in found if any(e is one for one, _ in rows)]) if rows else None
    told = [(e, end, None if seen is None else end.at in seen.get(e.ref, ())) for e, end in rows]
    if json:
        for e, end, shown in told:
            console.emit("end", **end_fields(e, end, shown))
        return 0
    console.out.print(ends_table(told, now) if told else "nothing ends by itself")
    return 0


@app.command
def rm(environment: Target, *, cron: Only = "", env: Env = "dev", json: Json = False) -> int:
    """Take recurring teardowns back. An appointment goes with `baton down --at never`, a lease with the blueprint."""
    changed = changing(environment, env, lambda e, now, who: removed(e, cron, who, now))
    tell_end(changed, as_json=json)
    tell_shown(changed)
    return 0
