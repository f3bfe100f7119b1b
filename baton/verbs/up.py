"""`baton up`: bring an environment up."""

import sys
from typing import Annotated, Any

from cyclopts import Parameter

from baton import console
from baton.answering import answer
from baton.heads import head_fields, tell_head
from baton.options import Blueprint, Env, Input, Json, Wait, inputs, seconds
from baton.previews import tell_preview
from baton.running import run_flow
from baton.views import hosts_table
from lifecycle.approval import Decision
from lifecycle.errors import BatonError, ExitCode
from lifecycle.observed import Reviewed
from lifecycle.report.fields import ended_fields
from lifecycle.report.preview.fields import preview_fields
from lifecycle.report.words import summary

AutoApprove = Annotated[
    bool,
    Parameter(
        name="--auto-approve", help="Approve what the blueprint lets a pipeline approve (`approval.auto`).", negative=""
    ),
]


def up(
    blueprint: Blueprint = ".",
    *,
    env: Env = "dev",
    input: Input = None,
    json: Json = False,
    wait: Wait = False,
    auto_approve: AutoApprove = False,
) -> int:
    """Bring an environment up: plan, apply, await, configure, verify. What stands already is left alone."""

    def run() -> Any:
        given = {"auto_approve": True} if auto_approve else {}
        return run_flow("up", blueprint, env, inputs(input), wait=seconds(wait), as_json=json, more=given)

    try:
        ended = run()
    except BatonError as error:
        if not _agreed(error, as_json=json):
            raise
        ended = run()
    if json:
        console.emit("result", **ended_fields(ended), ledger=head_fields(ended.environment.ref))
        return 0
    console.out.print(f"[green]✓[/] {summary(ended)}")
    console.out.print(hosts_table(ended.view.ready_hosts.values()))
    tell_head(ended.environment.ref)
    return 0


def _agreed(error: BatonError, *, as_json: bool) -> bool:
    """Whether a person at the terminal approves what was refused for want of an approval. What was refused is shown."""
    ended = getattr(error, "ended", None)
    reviewed: Reviewed | None = ended.view.observed.reviewed if ended else None
    if ended is None or reviewed is None or not reviewed.refused:
        return False
    if as_json:
        console.emit("preview", **preview_fields(reviewed))
        return False
    tell_preview(preview_fields(reviewed), as_json=False)
    if error.exit_code is not ExitCode.APPROVAL_NEEDED or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    short = reviewed.preview.digest[:12]
    if console.out.input(f"Approve {short} and go on? Type yes: ").strip() != "yes":
        return False
    ref = ended.environment.ref
    return answer(str(ref), ref.name, short, Decision.APPROVED, "at the terminal", as_json=False, resumes=False) == 0
