"""`baton history`: what happened to an environment, from its ledger."""

from adapters import settings as settings_of
from baton import console
from baton.naming import known_environment
from baton.options import Env, Json, Target
from baton.views import history_table
from lifecycle.ledger import Broken, Unsealed, verify


def history(environment: Target, *, env: Env = "dev", json: Json = False) -> int:
    """Show every change of an environment: when, which run, what, and how it ended. The ledger's chain is checked."""
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
