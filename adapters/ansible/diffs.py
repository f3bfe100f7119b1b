"""What Ansible's `--diff` tells of a task, as a unified diff for people."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

LINES: Final = 40
"""Lines of one task's diff that are kept: a preview is read, and a whole new file is in the playbook anyway."""


def unified(diff: Any) -> str:
    """A task's `diff` (one mapping or a list of them, of `before`/`after`, with headers, or `prepared`) as text; may be empty."""
    parts = diff if isinstance(diff, Sequence) and not isinstance(diff, str) else [diff]
    lines = [line for part in parts if isinstance(part, Mapping) for line in _lines(part)]
    cut = lines[:LINES]
    more = len(lines) - len(cut)
    return "\n".join([*cut, f"... {more} more lines"] if more else cut)


def _lines(part: Mapping[str, Any]) -> Iterator[str]:
    if prepared := part.get("prepared"):
        yield from str(prepared).splitlines()
        return
    before, after = (_text(part.get(key)) for key in ("before", "after"))
    if before == after:
        return
    name = str(
        part.get("before_header") or part.get("after_header") or ""
    )  # a template's other side is a temporary file
    if name:
        yield name
    found = list(difflib.unified_diff(before, after, n=1, lineterm=""))
    yield from found[2:]  # the first two name files


def _text(value: Any) -> list[str]:
    """A side as lines; attributes (mode, owner, state) come as a mapping."""
    if isinstance(value, Mapping):
        return [f"{key}: {value[key]}" for key in sorted(value)]
    return str(value or "").splitlines()
