"""`baton plan` and `baton show`: what an up would do."""

import json as js
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from adapters.terraform.workdir import write_private
from baton import console
from baton.options import Blueprint, Env, Input, Json, Wait, inputs, seconds
from baton.running import run_flow
from baton.views import plan_line
from lifecycle.errors import BatonError, ExitCode
from lifecycle.report.preview.fields import plan_fields
from lifecycle.report.preview.markdown import preview_markdown
from lifecycle.report.preview.text import preview_text

FORMAT = "baton preview 1"
"""First field of a saved preview."""

Detailed = Annotated[
    bool, Parameter(name="--detailed-exitcode", help="End with 2 when there are changes.", negative="")
]
Save = Annotated[
    Path | None, Parameter(name="--save", help="Keep the preview in this file; `baton show` reads it.", metavar="FILE")
]
Markdown = Annotated[bool, Parameter(name="--markdown", help="As Markdown, fit for a pull request.", negative="")]


class NoPreview(BatonError):
    """This file holds no preview."""

    exit_code = ExitCode.USAGE


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
    fields = plan_fields(ended)
    if save:
        write_private(save, js.dumps({"format": FORMAT, **fields}, indent=1, default=str))
    tell_preview(fields, as_json=json, as_markdown=markdown)
    if refused is not None:
        raise refused
    return int(ExitCode.CHANGES) if detailed_exitcode and ended.changed else 0


def show(file: Path, *, json: Json = False, markdown: Markdown = False) -> int:
    """Show a preview that `baton plan --save` kept."""
    try:
        fields = js.loads(file.read_text(encoding="utf-8"))
        if fields.pop("format") != FORMAT:
            raise ValueError
    except OSError as error:
        raise NoPreview(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NoPreview(f"{file} holds no preview", hint="`baton plan --save FILE` makes one") from None
    tell_preview(fields, as_json=json, as_markdown=markdown)
    return 0


def tell_preview(fields: dict[str, Any], *, as_json: bool, as_markdown: bool = False) -> None:
    """Show a preview on stdout."""
    if as_json:
        console.emit("result", **fields)
    elif as_markdown:
        console.out.print(preview_markdown(fields), markup=False, highlight=False, soft_wrap=True, end="")
    else:
        for line in preview_text(fields):
            console.out.print(plan_line(line))
