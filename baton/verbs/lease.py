"""`baton lease`: until when an environment may stand."""

from datetime import timedelta
from typing import Annotated

from cyclopts import App, Parameter

from adapters import settings as settings_of
from baton.naming import known_environment
from baton.options import BadWait, Env, Json, Target
from baton.schedules import changing, tell_end, tell_shown
from lifecycle.blueprint.scalars import DURATION_WORDS, parse_duration
from lifecycle.lease import extended

app = App(name="lease", help="Show until when an environment may stand, and let it stand longer.")

Longer = Annotated[str, Parameter(help=f"By how much: {DURATION_WORDS}")]


@app.command
def show(environment: Target, *, env: Env = "dev", json: Json = False) -> int:
    """Show when an environment's lease ends, and when it is to be taken down."""
    from adapters.registry import open_store

    with open_store(settings_of.load()) as store:
        known = store.environment(known_environment(store, environment, env))
    assert known is not None
    tell_end(known, as_json=json)
    return 0


@app.command
def extend(environment: Target, by: Longer, *, env: Env = "dev", json: Json = False) -> int:
    """Let an environment stand longer: from the end of its lease, or from now where that is past."""
    length = parse_duration(by)
    if length is None or length <= timedelta(0):
        raise BadWait(f"'{by}' is no time to extend a lease by", hint=f"write {DURATION_WORDS}, longer than nothing")
    changed = changing(environment, env, lambda e, now, who: extended(e, length, now, who))
    tell_end(changed, as_json=json)
    tell_shown(changed)
    return 0
