"""Where texts go: stdout is the result, stderr is progress and diagnostics."""

import json
import os
import sys
from typing import Any

from rich.console import Console

from lifecycle.errors import BatonError

PLAIN = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"

out = Console(highlight=False, no_color=PLAIN, soft_wrap=not sys.stdout.isatty())
err = Console(stderr=True, highlight=False, no_color=PLAIN, soft_wrap=not sys.stderr.isatty())


def emit(type: str, **fields: Any) -> None:
    """One JSON object on a line of stdout, for programs."""
    sys.stdout.write(printable(json.dumps({"type": type, **fields}, ensure_ascii=False, default=str)) + "\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """The text with half surrogates (bytes that were no text) as their escapes, which JSON has too."""
    return text.encode("utf-8", "backslashreplace").decode()


def complain(error: BatonError, *, as_json: bool = False) -> None:
    """Say what went wrong and what to do next, on stderr; as JSON on stdout too when that was asked for."""
    if as_json:
        emit("error", message=error.message, hint=error.hint, exit_code=int(error.exit_code), **dict(error.facts))
        return
    err.print(f"[bold red]error:[/] {_escaped(error.message)}", soft_wrap=True)
    if error.hint:
        err.print(f"[dim]{_escaped(error.hint)}[/]", soft_wrap=True)


def tell(text: str) -> None:
    """A remark on stderr, for what takes a moment."""
    err.print(f"[dim]{_escaped(text)}[/]")


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")
