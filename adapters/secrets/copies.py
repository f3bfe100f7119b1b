"""Copies of what a shared store has for an environment: several machines work with it, and ssh wants its key in a file.

The store has the originals, sealed. The files here are brought up to date before anybody reads them; what is made here goes to
the store before anybody uses it. A mark beside them says that they are copies: where the store has nothing any more, another
machine took the environment down, and they go. Files without the mark are older than the shared store: they become its originals.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from lifecycle.environment import EnvironmentRef

COPIES: Final = ".copies"
"""The mark."""


class Shelf(Protocol):
    """Where the originals are, by name."""

    def opened(self, environment: EnvironmentRef) -> AbstractContextManager[MutableMapping[str, str]]:
        """Name → text of an environment, for one process of all machines at a time. Changes are kept at the end."""
        ...

    def environments(self) -> set[str]:
        """The environments of which there is anything, as BLUEPRINT/NAME."""
        ...


def lay_out(
    directory: Path, held: Mapping[str, str], names: Iterable[str], write: Callable[[Path, str], None]
) -> set[str]:
    """Make the files those that are held; the names of those that were not. `write` replaces one at once, 0600."""
    changed: set[str] = set()
    if not held and not (directory / COPIES).exists():
        return changed
    for name in names:
        path, text = directory / name, held.get(name)
        if (path.read_bytes() if path.is_file() else None) == (text.encode() if text is not None else None):
            continue
        changed.add(name)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            write(path, text)
    return changed


def taken(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """What lies there now, and from here on is a copy."""
    found = {name: (directory / name).read_text(encoding="utf-8") for name in names if (directory / name).is_file()}
    if found:
        (directory / COPIES).touch(mode=0o600)
    return found
