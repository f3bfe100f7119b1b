"""`baton plan`: what an up would do."""

from typing import Annotated

from cyclopts import Parameter

from baton import console
from baton.options import Blueprint, Env, Input, Json, Wait, inputs, seconds
from baton.running import run_flow
from baton.views import plan_line
from lifecycle.errors import ExitCode
from lifecycle.report.fields import plan_fields
from lifecycle.report.words import plan_text

Detailed = Annotated[
    bool, Parameter(name="--detailed-exitcode", help="End with 2 when there are changes.", negative="")
]


def plan(
    blueprint: Blueprint = ".",
    *,
    env: Env = "dev",
    input: Input = None,
    json: Json = False,
    wait: Wait = False,
    detailed_exitcode: Detailed = False,
) -> int:
    """Show what an up would do to the infrastructure, without doing it."""
    ended = run_flow("plan", blueprint, env, inputs(input), wait=seconds(wait), as_json=json)
    if json:
        console.emit("result", **plan_fields(ended))
    else:
        for line in plan_text(ended):
            console.out.print(plan_line(line))
    return int(ExitCode.CHANGES) if detailed_exitcode and ended.changed else 0
