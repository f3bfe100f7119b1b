"""`baton down`: take an environment down and look for what is left."""

from adapters import settings as settings_of
from baton import console
from baton.options import Env, Input, Json, Target, inputs
from baton.running import run_flow, target
from lifecycle.report.fields import ended_fields
from lifecycle.report.words import proof_text


def down(environment: Target = ".", *, env: Env = "dev", input: Input = None, json: Json = False) -> int:
    """Destroy an environment in reverse order, then look independently for anything that is left."""
    path, name = target(environment, env, settings_of.load())
    ended = run_flow("down", path, name, inputs(input), as_json=json)
    if json:
        console.emit("result", **ended_fields(ended))
        return 0
    for line in proof_text(ended):
        console.out.print(line)
    return 0
