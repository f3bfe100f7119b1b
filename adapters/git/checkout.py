"""One commit of a repository as a folder of the cache. What is there already is used as it is, without a look at the network."""

import difflib
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from adapters.git import command
from adapters.git.failures import GitAway, NoGit, NoRepository, UnknownRef, classified
from adapters.process.runner import Command, run
from adapters.settings import make_private
from lifecycle.blueprint.location import COMMIT, InGit

UNUSED: Final = timedelta(days=30)
"""A checkout that nobody has used for so long goes when another one is made."""
DEADLINE: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Checkout:
    """A repository's files at one commit."""

    root: Path
    commit: str


def checkout(wanted: InGit, cache: Path, environ: Mapping[str, str] = os.environ) -> Checkout:
    """The files of what is wanted, fetched where they are not there yet. Raises NoGit, NoRepository, UnknownRef, GitRefused, GitAway.

    A branch or a tag is asked for every time; a commit that is in the cache is not.
    """
    home = cache / "git"
    if re.fullmatch(COMMIT, wanted.ref) and (found := _kept(home, wanted.ref)):
        return found
    git = _Git(wanted.url, home, environ)
    name, commit = git.resolve(wanted.ref)
    return _kept(home, commit) or git.fetch(name)


def _kept(home: Path, commit: str) -> Checkout | None:
    place = home / commit
    if not place.is_dir():
        return None
    os.utime(place)  # it is used
    return Checkout(place, commit)


class _Git:
    """git, asked about one repository."""

    def __init__(self, url: str, home: Path, environ: Mapping[str, str]) -> None:
        found = shutil.which("git", path=environ.get("PATH"))
        if found is None:
            raise NoGit(
                f"{url} cannot be fetched: git is not installed here",
                hint="install it (apt-get install git), or name a folder or a bundle",
            )
        make_private(home)
        self._git, self._url, self._home, self._environ = found, url, home, command.environment(environ)

    def resolve(self, ref: str) -> tuple[str, str]:
        """(what to fetch, its commit). A commit is taken at its word: the fetch says whether it is there."""
        if re.fullmatch(COMMIT, ref):
            return ref, ref
        names = command.names_of(ref)
        there = self._ask(*names)
        for name in names:
            if name in there:
                return name.removesuffix("^{}"), there[name]
        raise self._unknown(ref)

    def fetch(self, name: str) -> Checkout:
        """The files, in a folder that has its name only when it is whole."""
        unfinished = self._home / f".{os.getpid()}.{time.monotonic_ns()}"
        try:
            self._run(command.begin(self._git, unfinished))
            self._run(command.fetch(self._git, unfinished, self._url, name))
            commit = self._run(command.commit(self._git, unfinished)).strip()
            self._run(command.checkout(self._git, unfinished))
            shutil.rmtree(unfinished / ".git")
            unfinished.chmod(0o700)
            _forget_unused(self._home)
            try:
                unfinished.rename(self._home / commit)
            except OSError:  # somebody else was first
                if not (self._home / commit).is_dir():
                    raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return Checkout(self._home / commit, commit)

    def _ask(self, *patterns: str) -> dict[str, str]:
        lines = (
            line.split("\t", 1) for line in self._run(command.resolve(self._git, self._url, *patterns)).splitlines()
        )
        return {name: commit for commit, name in (line for line in lines if len(line) == 2)}

    def _unknown(self, ref: str) -> UnknownRef | NoRepository:
        if not ref:
            return NoRepository(f"{self._url} is empty: it has no commit yet")
        known = [re.sub(r"^refs/(heads|tags)/", "", name) for name in self._ask() if not name.endswith("^{}")]
        near = difflib.get_close_matches(ref, known, 3, 0.5) or known[:5]
        hint = f"it has: {', '.join(near)}" if near else "it has neither branches nor tags"
        if re.fullmatch(r"[0-9a-f]{7,39}", ref):
            hint = "an abbreviated commit cannot be fetched: give all 40 digits"
        return UnknownRef(f"{self._url} has no branch, tag or commit '{ref}'", hint=hint)

    def _run(self, argv: Sequence[str]) -> str:
        ended = run(Command(argv, self._home, self._environ), deadline=DEADLINE)
        if ended.timed_out:
            raise GitAway(
                f"{self._url}: git did not end within {DEADLINE}", hint=f"try it with: git ls-remote {self._url}"
            )
        if not ended.ok:
            raise classified(ended.stderr, self._url)
        return ended.stdout.decode(errors="replace")


def _forget_unused(home: Path) -> None:
    """Remove checkouts that nobody has used for long, and what was left by somebody who was killed."""
    limit = time.time() - UNUSED.total_seconds()
    for place in home.iterdir():
        if place.stat().st_mtime < limit:
            shutil.rmtree(place, ignore_errors=True)
