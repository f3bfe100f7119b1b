"""Revisions: what an environment was asked to be, kept so that it can be asked again. Pure.

A revision is a blueprint with its inputs and everything that its modules and playbooks are made of. Secrets are in it as
the references that the blueprint writes; their values are never kept.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from lifecycle.digest import digest
from lifecycle.errors import BatonError, ExitCode

REVISION: Final = "revision"
"""Among an environment's facts: the number of the revision that its last `up` was for."""
FROM_STORE: Final = "from_store"
"""Among an environment's facts: whether its last `up` took the revision from the store, as a rollback does."""
READY: Final = "ready_revisions"
"""Among an environment's facts: numbers of the revisions that were ready, in that order."""
CLEANUP: Final = "cleanup"
"""Among an environment's facts: what is still to be done about a run that failed (see OnFailure)."""
KEPT: Final = 10
"""Revisions whose files are kept, the newest. The last one that was ready is kept beside them."""


class OnFailure(StrEnum):
    """What becomes of an environment whose `up` failed."""

    KEEP = "keep"
    DESTROY = "destroy"
    ROLLBACK = "rollback"


class NoRevision(BatonError):
    """There is no such revision, or nothing to go back to."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file of a revision: SHA-256 of its content, and whether it may be run."""

    digest: str
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Revision:
    """What an environment was asked to be. `parts` are digests: of the blueprint's text, of each module, of each playbook."""

    number: int  # from 1, per environment
    digest: str
    at: datetime  # when it was accepted
    by: str  # who asked for it
    blueprint: str  # path of the blueprint's file among `files`
    inputs: Mapping[str, Any] = field(default_factory=dict)  # as they were given by name; never a secret
    parts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, KeptFile] = field(default_factory=dict)  # by path; empty where they are not kept (any more)
    source: str = ""  # the reference that names this very blueprint: a git commit, a bundle's version; empty for a path


def revision(
    *,
    at: datetime,
    by: str,
    blueprint: str,
    inputs: Mapping[str, Any],
    parts: Mapping[str, str],
    files: Mapping[str, KeptFile],
    source: str = "",
) -> Revision:
    """A revision that has no number yet. Its digest covers what decides about the outcome, not who asked, when, or from where."""
    kept = {path: [file.digest, file.executable] for path, file in files.items()}
    return Revision(0, digest([dict(parts), dict(inputs), kept]), at, by, blueprint, inputs, parts, files, source)


def accepted(known: Sequence[Revision], new: Revision) -> Revision:
    """The revision under its number: the one that is known already where nothing is different, else the next number."""
    for one in reversed(known):
        if one.digest == new.digest and bool(one.files) == bool(new.files):  # files may have been let go of since
            return one
    return replace(new, number=max((one.number for one in known), default=0) + 1)


def outdated(known: Sequence[Revision], ready: Sequence[int]) -> list[int]:
    """Numbers of the revisions whose files need not be kept any longer."""
    numbers = sorted(one.number for one in known if one.files)
    return [n for n in numbers[:-KEPT] if n not in ready[-1:]]


def changed(old: Revision | None, new: Revision) -> list[str]:
    """What is different, in words: `blueprint`, `stack web`, `configure app`, `input web_count`."""
    if old is None:
        return []
    words = [name for name in (*new.parts, *old.parts) if old.parts.get(name) != new.parts.get(name)]
    words += [f"input {n}" for n in (*new.inputs, *old.inputs) if old.inputs.get(n) != new.inputs.get(n)]
    return list(dict.fromkeys(words))


def chosen(known: Iterable[Revision], facts: Mapping[str, Any], number: int = 0) -> Revision:
    """The revision to go back to: the one with this number, else the last that was ready before the current one.

    Raises NoRevision with what there is.
    """
    numbered = {one.number: one for one in known}
    current = facts.get(REVISION, 0)
    wanted = number or next((n for n in reversed(_ready(facts)) if n != current), 0)
    there = ", ".join(str(n) for n, one in sorted(numbered.items()) if one.files) or "none"
    if not wanted:
        raise NoRevision("no other revision was ever ready", hint=f"name one; there are: {there}")
    if wanted not in numbered:
        raise NoRevision(f"there is no revision {wanted}", hint=f"there are: {there}")
    if not numbered[wanted].files:
        raise NoRevision(f"the files of revision {wanted} are not kept", hint=f"those that can be used: {there}")
    return numbered[wanted]


def was_ready(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of an environment that is ready now: its revision counts as one to go back to."""
    current = facts.get(REVISION)
    if current is None:
        return dict(facts)
    return {**facts, READY: [*(n for n in _ready(facts) if n != current), current][-2 * KEPT :]}


def cleanup(policy: OnFailure, facts: Mapping[str, Any]) -> OnFailure:
    """What is to be done about a run that failed: a creation is destroyed, a change goes back to what was ready last.

    An environment that was ready once is never destroyed for a change that failed.
    """
    ready = _ready(facts)
    if policy is OnFailure.DESTROY and not ready:
        return OnFailure.DESTROY
    if policy is OnFailure.ROLLBACK and ready and ready[-1] != facts.get(REVISION):
        return OnFailure.ROLLBACK
    return OnFailure.KEEP


def differences(kept: Revision, parts: Mapping[str, str]) -> Iterator[str]:
    """Parts of a revision that are not any more what they were, as they use something that is not kept with it."""
    yield from (name for name, value in kept.parts.items() if parts.get(name, value) != value)


def _ready(facts: Mapping[str, Any]) -> list[int]:
    return [int(n) for n in facts.get(READY, ())]
