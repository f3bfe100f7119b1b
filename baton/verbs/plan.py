"""`baton plan`: what an up would do."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from baton.options import Blueprint, Env, Input, Json, Wait, inputs, seconds
from baton.previews import Markdown, save_preview, tell_preview
from baton.running import run_flow
from lifecycle.errors import BatonError, ExitCode
from lifecycle.report.preview.fields import preview_fields

Detailed = Annotated[
    bool, Parameter(name="--detailed-exitcode", help="End with 2 when there are changes.", negative="")
]
Save = Annotated[
    Path | None, Parameter(name="--save", help="Keep the preview in this file; `baton show` reads it.", metavar="FILE")
]


def plan(
    blueprint: Blueprint = ".",
    *,
    env: Env = "dev",
    input: Input = None,
    json: Json = False,
    markdown: Markdown = False,
    save: Save = None,
    wait: Wait = False,
    detailed_exitcode: Detailed = False,
) -> int:
    """Show what an up would do to infrastructure, hosts, cost and policy, without doing it."""
    refused: BatonError | None = None
    try:
        ended = run_flow("plan", blueprint, env, inputs(input), wait=seconds(wait), as_json=json)
    except BatonError as error:  # a denied preview is shown too
        ended, refused = getattr(error, "ended", None), error
        if ended is None or ended.view.observed.reviewed is None:
            raise
    fields = preview_fields(ended.view.observed.reviewed)
    if save:
        save_preview(save, fields)
    tell_preview(fields, as_json=json, as_markdown=markdown)
    if refused is not None:
        raise refused
    return int(ExitCode.CHANGES) if detailed_exitcode and ended.changed else 0
