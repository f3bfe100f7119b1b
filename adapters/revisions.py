"""Revisions on disk: collecting the files that one is made of, and laying them out again."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adapters.settings import make_private
from lifecycle.bundle import Bundle
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.revision import KeptFile, NoRevision, Revision

LARGEST: Final = 32 << 20
"""Bytes of a revision that are kept. A larger one cannot be gone back to from the store."""


class TooLarge(BatonError):
    """A revision is too large to be kept."""


@dataclass(frozen=True, slots=True)
class Collected:
    """A revision's files: `blueprint` is the path of its own among them; `contents` by digest."""

    blueprint: str
    files: Mapping[str, KeptFile] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict)
    outside: tuple[Path, ...] = ()  # files that were reached and stay where they are


def collect(blueprint: Path, named: Iterable[Path], reached: Iterable[Path]) -> Collected:
    """Read what a blueprint is made of. Raises TooLarge, OSError.

    `named` are files that it names by relative paths: they and its own folder span what is kept. Of the files that are
    `reached`, those elsewhere (roles of the whole machine, those that Baton ships) stay where they are.
    """
    anchor = Path(os.path.commonpath([blueprint.parent, *(os.path.normpath(path.parent) for path in named)]))
    files: dict[str, KeptFile] = {}
    outside: list[Path] = []
    contents: dict[str, bytes] = {}
    size = 0
    for path in sorted({blueprint, *(Path(os.path.normpath(p)) for p in reached)}):
        if not path.is_relative_to(anchor):
            outside.append(path)
            continue
        content = path.read_bytes()
        size += len(content)
        if size > LARGEST:
            raise TooLarge(f"it is larger than {LARGEST >> 20} MB: {path} is among its files")
        digest = hashlib.sha256(content).hexdigest()
        files[path.relative_to(anchor).as_posix()] = KeptFile(digest, bool(path.stat().st_mode & 0o100))
        contents[digest] = content
    return Collected(blueprint.relative_to(anchor).as_posix(), files, contents, tuple(outside))


def folder(home: Path, ref: EnvironmentRef) -> Path:
    """Where the revisions of an environment are laid out."""
    return home / "revisions" / ref.blueprint / ref.name


def lay_out(revision: Revision | Bundle, contents: Mapping[str, bytes], place: Path) -> Path:
    """Write the files of a revision, or of a bundle, below `place`, for their owner alone; the path of its blueprint. Raises NoRevision.

    What is laid out already is left alone. It may be killed anywhere: the folder has its name only when it is whole.
    """
    missing = [path for path, file in revision.files.items() if file.digest not in contents]
    if missing or not revision.files:
        what = f"{len(missing)} of the files" if revision.files else "the files"
        words = f"revision {revision.number}" if isinstance(revision, Revision) else revision.reference
        raise NoRevision(f"{what} of {words} are not in the store", hint="name another one")
    target = place / revision.digest[:16]
    if not target.is_dir():
        make_private(place)
        unfinished = place / f".{target.name}.{os.getpid()}"
        shutil.rmtree(unfinished, ignore_errors=True)
        for name, file in revision.files.items():
            _write(unfinished, name, contents[file.digest], 0o700 if file.executable else 0o600)
        try:
            unfinished.rename(target)
        except OSError:  # somebody else was first
            shutil.rmtree(unfinished, ignore_errors=True)
    return target / revision.blueprint


def _write(base: Path, name: str, content: bytes, mode: int) -> None:
    path = Path(os.path.normpath(base / name))
    if not path.is_relative_to(base):
        raise NoRevision(f"a file of the revision lies outside of it: {name}")
    make_private(path.parent)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)


def forget(home: Path, ref: EnvironmentRef) -> None:
    """Remove what was laid out for an environment."""
    shutil.rmtree(folder(home, ref), ignore_errors=True)
