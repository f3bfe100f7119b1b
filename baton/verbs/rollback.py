"""`baton rollback`: back to what an environment was asked to be before."""

from typing import Annotated

from cyclopts import Parameter

from adapters import settings as settings_of
from baton import console
from baton.heads import head_fields, head_of_failures, tell_head
from baton.naming import known_environment
from baton.options import Env, Json, Target, Wait, seconds
from baton.running import call_flow
from baton.views import hosts_table
from lifecycle.report.fields import ended_fields
from lifecycle.report.words import summary
from lifecycle.revision import chosen

Number = Annotated[
    int, Parameter(help="Number of the revision. Default: the last that was ready before the current one.")
]


def rollback(
    environment: Target, revision: Number = 0, *, env: Env = "dev", json: Json = False, wait: Wait = False
) -> int:
    """Apply and configure an earlier revision again: its blueprint, inputs, modules and playbooks, as the store kept them."""
    from adapters.registry import open_store

    with open_store(settings_of.load()) as store:
        ref = known_environment(store, environment, env)
        known = store.environment(ref)
        facts = known.facts if known else {}
        number = chosen(store.revisions(ref), facts, revision).number  # a number that is none is said at once
    given = {"environment": str(ref), "revision": number, "wait": seconds(wait)}
    with head_of_failures(ref, as_json=json):
        ended = call_flow("rollback", given, as_json=json)
    if json:
        console.emit("result", **ended_fields(ended), ledger=head_fields(ref))
        return 0
    console.out.print(f"[green]✓[/] {summary(ended)}, as revision {number} says")
    console.out.print(hosts_table(ended.view.ready_hosts.values()))
    tell_head(ref)
    return 0
