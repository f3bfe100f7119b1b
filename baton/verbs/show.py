"""`baton show`: a preview that was kept."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from baton.options import Json
from baton.previews import Markdown, saved_preview, tell_preview

Saved = Annotated[Path, Parameter(help="The file that `baton plan --save` wrote.")]


def show(file: Saved, *, json: Json = False, markdown: Markdown = False) -> int:
    """Show a preview that `baton plan --save` kept."""
    tell_preview(saved_preview(file), as_json=json, as_markdown=markdown)
    return 0
