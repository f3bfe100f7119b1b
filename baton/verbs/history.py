"""`baton history`: what happened to an environment, from its ledger."""

from typing import Annotated

from cyclopts import Parameter

from adapters import settings as settings_of
from baton import console
from baton.naming import known_environment
from baton.options import Env, Json, Target
from baton.views import history_table, revisions_table
from lifecycle.ledger import Broken, Unsealed, verify
from lifecycle.report.fields import revision_fields

Revisions = Annotated[
    bool,
    Parameter(help="Show what it was asked to be instead: every revision, which `rollback` goes back to.", negative=""),
]


def history(environment: Target, *, env: Env = "dev", revisions: Revisions = False, json: Json = False) -> int:
    """Show every change of an environment: when, which run, what, and how it ended. The ledger's chain is checked."""
    if revisions:
        return _revisions(environment, env, as_json=json)
    from adapters.registry import open_store

    with open_store(settings_of.load()) as store:
        ref = known_environment(store, environment, env)
        entries = list(store.ledger(ref))
        names = {h.id: h.name for h in store.hosts(ref)}
        found = verify(entries, key=store.ledger_key)
    if json:
        for entry in entries:
            console.emit("entry", seq=entry.seq, hash=entry.hash, event=entry.readable)
    else:
        console.out.print(history_table(entries, names) if entries else f"nothing is recorded of {ref}")
    if isinstance(found, Broken) and not isinstance(
        found, Unsealed
    ):  # the key may be younger: `baton audit verify` minds
        console.err.print(f"[bold red]the ledger is broken at entry {found.seq}:[/] {found.reason}")
        return 1
    return 0


def _revisions(environment: str, env: str, *, as_json: bool) -> int:
    from adapters.registry import open_store

    with open_store(settings_of.load()) as store:
        ref = known_environment(store, environment, env)
        known, facts = store.revisions(ref), getattr(store.environment(ref), "facts", {})
    if as_json:
        for before, one in zip([None, *known], known, strict=False):
            console.emit("revision", environment=str(ref), **revision_fields(one, before, facts))
        return 0
    console.out.print(revisions_table(known, facts) if known else f"{ref} has no revisions yet")
    return 0
