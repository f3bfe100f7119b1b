"""The one family of errors: what went wrong, where, what to do next, and the exit code it ends with."""

from __future__ import annotations

import errno
import inspect
from collections.abc import Callable, Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final


class ExitCode(IntEnum):
    """What the command line ends with. The documentation's table is printed from this."""

    OK = 0
    FAILED = 1
    CHANGES = 2
    POLICY_DENIED = 3
    APPROVAL_NEEDED = 4
    LOCKED = 5
    VERIFICATION_FAILED = 6
    USAGE = 64
    CRASHED = 70
    TIMED_OUT = 124
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """The exit code in words."""
        return _MEANINGS[self]


_MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.OK: "ok",
    ExitCode.FAILED: "failed",
    ExitCode.CHANGES: "changes or drift found (with --detailed-exitcode)",
    ExitCode.POLICY_DENIED: "policy denied",
    ExitCode.APPROVAL_NEEDED: "approval needed",
    ExitCode.LOCKED: "locked or stale",
    ExitCode.VERIFICATION_FAILED: "verification failed",
    ExitCode.USAGE: "the command or the blueprint is wrong",
    ExitCode.CRASHED: "the run died without saying how it ended (of a run that is followed)",
    ExitCode.TIMED_OUT: "the time is over, and the run goes on (of a run that is followed)",
    ExitCode.INTERRUPTED: "interrupted",
}


class Trouble(StrEnum):
    """Why something failed that may go well a moment later. What is tried again is decided by this alone."""

    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    IN_USE = "in_use"

    @property
    def words(self) -> str:
        """The reason in words."""
        return _TROUBLES[self]


_TROUBLES: Mapping[Trouble, str] = {
    Trouble.THROTTLED: "too many requests",
    Trouble.UNREACHABLE: "the other side does not answer, or not as it should",
    Trouble.IN_USE: "something else still uses it",
}


CUT_OFF: Final = "cut_off"
"""The fact of an error, and of its step in the journal, that somebody told the tool to stop: it says nothing about what it made."""


class BatonError(Exception):
    """Something went wrong.

    A subclass's docstring (its first paragraph) is the message when none is given; its `exit_code` says how the command ends.
    `hint` tells the reader what to do next. `facts` are for programs (JSON output, logs): plain values, never a secret.
    `trouble` is why it may go well a moment later; None: it will not.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    trouble: Trouble | None = None

    def __init__(self, message: str = "", *, hint: str = "", facts: Mapping[str, Any] | None = None) -> None:
        self.message = message or _first_paragraph(type(self))
        self.hint = hint
        self._facts = dict(facts or {})
        super().__init__(self.message)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What a program may want to know about it, read-only."""
        return MappingProxyType(self._facts)

    def add_facts(self, **facts: Any) -> None:
        """For who passes the error on and knows more than who raised it."""
        self._facts |= facts

    def scrub(self, masked: Callable[[Any], Any]) -> None:
        """Take out of all that it says what `masked` takes out of a value: before it goes where others read it."""
        self.message, self.hint = masked(self.message), masked(self.hint)
        self._facts = masked(self._facts)
        self.args = (self.message,)

    def __str__(self) -> str:
        return self.message


class DiskFull(BatonError):
    """There is no space left on the disk."""

    def __init__(self, message: str = "", *, hint: str = "", facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, hint=hint or DISK_FULL, facts=facts)


DISK_FULL = (
    "free some space (`df -h` shows where) and run it again: what was done is looked at first, nothing is made twice"
)
"""What to do about a full disk."""


def of_system(error: OSError) -> BatonError | None:
    """What the operating system refused, where its reason is known to be none of ours; None for any other."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f"{error.filename} cannot be written" if error.filename else "a file cannot be written"
        return DiskFull(f"{where}: {error.strerror}", facts={"path": str(error.filename or "")})
    return None


def _first_paragraph(kind: type) -> str:
    documentation = inspect.getdoc(kind) or kind.__name__  # docstrings are gone under python -OO
    return " ".join(documentation.split("\n\n")[0].split())
