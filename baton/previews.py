"""Previews on the way to a screen, to a file and back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from adapters.terraform.workdir import write_private
from baton import console
from baton.views import plan_line
from lifecycle.errors import BatonError, ExitCode
from lifecycle.report.preview.markdown import preview_markdown
from lifecycle.report.preview.text import preview_text

FORMAT = "baton preview 1"
"""First field of a saved preview."""

Markdown = Annotated[bool, Parameter(name="--markdown", help="As Markdown, fit for a pull request.", negative="")]


class NoPreview(BatonError):
    """This file holds no preview."""

    exit_code = ExitCode.USAGE


def save_preview(file: Path, fields: Mapping[str, Any]) -> None:
    """Keep a preview in a file that only its owner can read. It holds no plan file and no secret."""
    try:
        write_private(file.absolute(), json.dumps({"format": FORMAT, **fields}, indent=1, default=str))
    except OSError as error:
        raise NoPreview(f"the preview cannot be written to {file}: {error.strerror}") from None


def saved_preview(file: Path) -> dict[str, Any]:
    """A preview that was kept. Raises NoPreview."""
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        if fields.pop("format") != FORMAT:
            raise ValueError
    except OSError as error:
        raise NoPreview(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NoPreview(f"{file} holds no preview", hint="`baton plan --save FILE` makes one") from None
    return dict(fields)


def tell_preview(fields: dict[str, Any], *, as_json: bool, as_markdown: bool = False) -> None:
    """Show a preview on stdout."""
    if as_json:
        console.emit("result", **fields)
    elif as_markdown:
        console.out.print(preview_markdown(fields), markup=False, highlight=False, soft_wrap=True, end="")
    else:
        for line in preview_text(fields):
            console.out.print(plan_line(line))
