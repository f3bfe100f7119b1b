"""`baton down`: take an environment down and look for what is left."""

import sys

from rich.prompt import Confirm

from adapters import settings as settings_of
from baton import console
from baton.heads import head_fields, tell_head
from baton.naming import blueprint_of
from baton.options import Env, Input, Json, Target, Wait, Yes, inputs, seconds
from baton.running import run_flow
from lifecycle.report.fields import ended_fields
from lifecycle.report.words import proof_text


def down(
    environment: Target = ".",
    *,
    env: Env = "dev",
    input: Input = None,
    json: Json = False,
    wait: Wait = False,
    yes: Yes = False,
) -> int:
    """Destroy an environment in reverse order, then look independently for anything that is left."""
    path, name = blueprint_of(environment, env, settings_of.load())
    if not yes and not confirmed(f"Destroy everything in {environment} ({name})?"):
        console.err.print("nothing was touched")
        return 1
    ended = run_flow("down", path, name, inputs(input), wait=seconds(wait), as_json=json)
    if json:
        console.emit("result", **ended_fields(ended), ledger=head_fields(ended.environment.ref))
        return 0
    for line in proof_text(ended):
        console.out.print(line)
    tell_head(ended.environment.ref)
    return 0


def confirmed(question: str) -> bool:
    """Ask a person; without one to ask (a pipe, CI) the command line itself is the word."""
    if not (sys.stdin.isatty() and console.err.is_terminal):
        return True
    return Confirm.ask(question, console=console.err, default=False)
