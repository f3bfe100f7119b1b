"""Where a blueprint comes from, as its user names it: a path, a git repository, or a bundle in the store. Pure.

examples/shop                                          a file, or a folder that holds a blueprint.yaml
git+https://host/team/repo.git//folder?ref=main        a branch, a tag, or all 40 digits of a commit
git+ssh://git@host/team/repo.git//folder               without ref: the repository's default branch
store:shop, store:shop@3                               what `baton publish` kept: the newest, or one version
"""

import re
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from lifecycle.environment import NAME
from lifecycle.errors import BatonError, ExitCode

GIT: Final = "git+"
STORE: Final = "store:"
SCHEMES: Final = ("https", "http", "ssh", "file")
VERSION: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
COMMIT: Final = r"[0-9a-f]{40}"
_REF = re.compile(r"(?![-/.])[^\s~^:?*\[\\\x00-\x1f\x7f]{1,200}(?<![/.])")


class BadReference(BatonError):
    """A blueprint is named in a way that nobody understands."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class InGit:
    """A folder, or a blueprint's file, in a git repository. `ref` is a branch, a tag or a commit; empty: the default branch."""

    url: str
    folder: str = ""
    ref: str = ""

    def at(self, commit: str) -> str:
        """The reference that names this commit, whatever becomes of the branch."""
        folder = f"//{self.folder}" if self.folder else ""
        return f"{GIT}{self.url}{folder}?ref={commit}"


@dataclass(frozen=True, slots=True)
class InStore:
    """A bundle in the store; without a version the one that was published last."""

    name: str
    version: str = ""

    def at(self, version: str) -> str:
        """The reference that names this version."""
        return f"{STORE}{self.name}@{version}"


def parse(text: str) -> InGit | InStore | None:
    """What a reference names; None for a path. Raises BadReference."""
    if text.startswith(GIT):
        return _in_git(text)
    if text.startswith(STORE):
        return _in_store(text)
    if re.match(r"(https?|ssh)://|[\w.-]+@[\w.-]+:", text):
        hint = "write git+https://HOST/REPOSITORY.git//FOLDER?ref=REF, or git+ssh://git@HOST/REPOSITORY.git//FOLDER?ref=REF"
        raise BadReference(f"'{_safe(text)}' is not a blueprint's reference", hint=hint)
    return None


def is_path(text: str) -> bool:
    """Whether a blueprint is named by a path of this machine."""
    return not text.startswith((GIT, STORE))


def short_name(text: str) -> str:
    """What people call a blueprint before it is read: the last word of its reference."""
    if text.startswith(STORE):
        return text.removeprefix(STORE).partition("@")[0]
    path = PurePath(text)
    if text.startswith(GIT):
        path = PurePosixPath(text.partition("?")[0])
        path = path.with_suffix("") if path.suffix == ".git" else path
    return (path.parent.name if path.suffix in (".yaml", ".yml") else path.name) or text


def _in_store(text: str) -> InStore:
    matched = re.fullmatch(rf"{STORE}({NAME})(?:@({VERSION}))?", text)
    if matched is None:
        raise BadReference(
            f"'{text}' names no bundle", hint="write store:NAME or store:NAME@VERSION; see: baton publish --list"
        )
    return InStore(matched[1], matched[2] or "")


def _in_git(text: str) -> InGit:
    shown = _safe(text)
    try:
        parts = urlsplit(text.removeprefix(GIT))
        given = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise BadReference(f"'{shown}' is no address: {error}") from None
    if parts.scheme not in SCHEMES:
        raise BadReference(
            f"'{shown}': git is asked by {', '.join(SCHEMES)} only",
            hint="write git+https://..., git+ssh://... or git+file:///...",
        )
    if parts.password or (parts.username and parts.scheme != "ssh"):
        hint = "leave it out: git's own credential helpers, GIT_ASKPASS or an SSH agent say who you are"
        raise BadReference(f"'{shown}' holds a credential, and references are shown and kept", hint=hint)
    if parts.fragment or set(given) - {"ref"} or len(given.get("ref", ())) > 1:
        raise BadReference(
            f"'{shown}': the only thing that can be said after the folder is ?ref=",
            hint="name the folder after //: git+https://HOST/REPOSITORY.git//FOLDER?ref=main",
        )
    path, _, folder = parts.path.partition("//")
    folder = folder.strip("/")
    if ".." in folder.split("/"):
        raise BadReference(f"'{shown}': a folder lies inside of its repository", hint="name it without ..")
    [ref] = given.get("ref", [""])
    if ref and (_REF.fullmatch(ref) is None or ".." in ref):
        raise BadReference(f"'{shown}': '{ref}' is no branch, tag or commit")
    return InGit(urlunsplit((parts.scheme, parts.netloc, path, "", "")), folder, ref)


def _safe(text: str) -> str:
    """The reference without what stands for a password in it."""
    return re.sub(r"//[^/@\s]*@", "//***@", text)
