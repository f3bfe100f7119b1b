"""`baton trace`: a run as a text Gantt."""

from typing import Annotated

from cyclopts import Parameter

from adapters import settings as settings_of
from baton import console
from baton.naming import known_environment
from baton.options import Env, Json, Target
from lifecycle.errors import BatonError
from lifecycle.report.trace import gantt, label

RunNumber = Annotated[int, Parameter(help="Number of the run. Default: the last.")]


def trace(environment: Target, run: RunNumber = 0, *, env: Env = "dev", json: Json = False) -> int:
    """Show what a run did when: plan, apply, await, configure, verify, per stack, host and check."""
    from adapters.registry import open_store

    with open_store(settings_of.load()) as store:
        ref = known_environment(store, environment, env)
        known = store.runs(ref)
        number = run or max(known, default=0)
        if number not in known:
            hint = f"runs that are kept: {', '.join(map(str, known)) or 'none'}"
            raise BatonError(f"{ref} has no run {number}" if number else f"{ref} has no runs", hint=hint)
        records = store.records(ref, number)
        names = {h.id: h.name for h in store.hosts(ref)}
    if json:
        for r in records:
            ended = r.finished_at.isoformat() if r.finished_at else ""
            console.emit("record", run=number, kind=r.kind, subject=r.subject, label=label(r, names),
                         started_at=r.intended_at.isoformat(), finished_at=ended, status=r.status or "unknown")  # fmt: skip
        return 0
    console.out.print(f"{ref} run {number}")
    for line in gantt(records, names, width=console.out.width):
        console.out.print(line, markup=False, no_wrap=True, crop=True)
    return 0
