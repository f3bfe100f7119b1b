"""The command lines of git, and its environment. Pure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lifecycle.blueprint.location import SCHEMES

_OURS: Final = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "advice.detachedHead=false"),
    *("-c", "http.lowSpeedLimit=1000"),
    *("-c", "http.lowSpeedTime=30"),
    *("-c", "fetch.fsckObjects=true"),
)
_HERE: Final = "refs/baton/fetched"  # no branch: it may be an annotated tag
_STRIPPED: Final = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_CEILING_DIRECTORIES",
)
"""What a hook or an alias has in its environment, and what would make us work in somebody's repository."""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """git's environment: it asks nobody, follows no foreign transport, and speaks English. Credential helpers and agents stay."""
    kept = {name: value for name, value in environ.items() if name not in _STRIPPED}
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": ":".join(SCHEMES),
        "GCM_INTERACTIVE": "never",
        "SSH_ASKPASS_REQUIRE": "never",
        "LC_ALL": "C",
    }


def resolve(git: str, url: str, *patterns: str) -> list[str]:
    """Lines of `COMMIT<tab>NAME` for the references that match; without patterns all branches and tags."""
    return [git, *_OURS, "ls-remote", *(() if patterns else ("--heads", "--tags")), "--", url, *patterns]


def begin(git: str, place: Path) -> list[str]:
    """An empty repository without anybody's templates: no hooks."""
    return [git, *_OURS, "init", "--quiet", "--template=", str(place)]


def fetch(git: str, place: Path, url: str, what: str) -> list[str]:
    """One commit with its files, without history, tags and submodules."""
    quiet = ("--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
    return [git, *_OURS, "-C", str(place), "fetch", *quiet, "--", url, f"{what}:{_HERE}"]


def commit(git: str, place: Path) -> list[str]:
    """The commit that was fetched, on a line."""
    return [git, *_OURS, "-C", str(place), "rev-parse", "--verify", f"{_HERE}^{{commit}}"]


def checkout(git: str, place: Path) -> list[str]:
    return [git, *_OURS, "-C", str(place), "checkout", "--quiet", "--detach", f"{_HERE}^{{commit}}"]


def names_of(ref: str) -> Sequence[str]:
    """What a ref may mean, the strongest first, as git itself has it: a tag, then a branch."""
    return (f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}", ref) if ref else ("HEAD",)
