"""`baton up`: bring an environment up."""

from baton import console
from baton.heads import head_fields, tell_head
from baton.options import Blueprint, Env, Input, Json, Wait, inputs, seconds
from baton.running import run_flow
from baton.views import hosts_table
from lifecycle.report.fields import ended_fields
from lifecycle.report.words import summary


def up(
    blueprint: Blueprint = ".", *, env: Env = "dev", input: Input = None, json: Json = False, wait: Wait = False
) -> int:
    """Bring an environment up: plan, apply, await, configure, verify. What stands already is left alone."""
    ended = run_flow("up", blueprint, env, inputs(input), wait=seconds(wait), as_json=json)
    if json:
        console.emit("result", **ended_fields(ended), ledger=head_fields(ended.environment.ref))
        return 0
    console.out.print(f"[green]✓[/] {summary(ended)}")
    console.out.print(hosts_table(ended.view.ready_hosts.values()))
    tell_head(ended.environment.ref)
    return 0
