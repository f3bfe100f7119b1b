"""What a database says when it refuses, in words: what, where, and what to do next."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from lifecycle.errors import DISK_FULL, BatonError, Trouble


class StoreError(BatonError):
    """The store could not do what it was asked."""


class NewerSchemaError(StoreError):
    """The store was written by a newer Baton than this one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is, in words that may be shown: no password is in them."""

    text: str  # "/home/anna/.local/share/baton/baton.db" or "PostgreSQL database baton on db.example"
    secret: str = ""  # a password that a driver's message must not carry on

    def clean(self, message: str) -> str:
        """A driver's message on one line, without the password."""
        line = " ".join(message.split())
        return line.replace(self.secret, "***") if self.secret else line


@dataclass(frozen=True, slots=True)
class _Failure:
    pattern: re.Pattern[str]
    message: str  # {where}
    hint: str
    trouble: Trouble | None = None  # why the same may go well a moment later


def _failures(*rows: tuple[str, str, str] | tuple[str, str, str, Trouble]) -> Sequence[_Failure]:
    def failure(pattern: str, message: str, hint: str, trouble: Trouble | None = None) -> _Failure:
        return _Failure(re.compile(pattern, re.IGNORECASE), message, hint, trouble)

    return [failure(*row) for row in rows]


_FAILURES = _failures(
    # A five-character code is a PostgreSQL SQLSTATE; the rest are SQLite's words (its result codes' fixed texts).
    (
        r"database (table )?is locked|55P03|40P01",
        "the store at {where} is busy: another process has been writing to it for too long",
        "try again; if it stays so, see which process holds the file (`fuser`) or the transaction (`pg_stat_activity`)",
        Trouble.IN_USE,
    ),
    (
        r"readonly database|25006",
        "the store at {where} is read-only",
        "make the file and its directory writable for this user, or name another store",
    ),
    (
        r"database or disk is full|53100",
        "the store at {where} cannot grow: the disk is full",
        DISK_FULL,
    ),
    (
        r"malformed|file is not a database|XX001|XX002",
        "the store at {where} is damaged",
        "restore it from a backup, or move it away and let Baton start a new one: run `baton status` for what is known",
    ),
    (
        r"disk I/O error|58030",
        "the store at {where} cannot be read or written: the disk reports an error",
        "look at the disk (`dmesg`), and keep a copy of the store before anything else",
    ),
    (
        r"unable to open database file",
        "the store at {where} cannot be opened",
        "check that its directory exists and that this user may read and write in it",
    ),
    (
        r"append-only",
        "the ledger in {where} is append-only: an entry cannot be changed or removed",
        "this is a fault in Baton: please report it",
    ),
    (
        r"28P01|28000|password authentication failed|no password supplied",
        "the store at {where} refuses the login",
        "check user and password in the store's URL",
    ),
    (r"3D000|database \".*\" does not exist", "{where} does not exist", "create it (`createdb`), then run it again"),
    (
        r"42501",
        "the user of the store's URL lacks a right on {where}",
        "grant it CREATE and USAGE on the schema, or let an administrator run the first command",
    ),
    (
        r"connection failed|failed to resolve|could not (connect|receive|send)|connection (refused|timeout|is bad|is lost)"
        r"|server closed|terminat|consuming input failed|57P0\d|08\w{3}",
        "the store at {where} cannot be reached",
        "check that the database server runs and that this machine may connect to it, then run it again",
        Trouble.UNREACHABLE,
    ),
)


def explain(error: sa.exc.SQLAlchemyError, place: Place) -> StoreError:
    """The error in our own words; the database's words are in its facts."""
    if isinstance(error, sa.exc.TimeoutError):  # the pool's
        busy = f"the store at {place.text} is busy: every connection of this process is in use"
        return _passing(StoreError(busy, hint="run it again"), Trouble.IN_USE)
    original = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
    said = place.clean(str(original))
    code = getattr(original, "sqlstate", None) or ""
    for failure in _FAILURES:
        if failure.pattern.search(f"{code} {said}"):
            message = failure.message.format(where=place.text)
            return _passing(StoreError(message, hint=failure.hint, facts={"said": said, "code": code}), failure.trouble)
    return StoreError(
        f"the store at {place.text} refused: {said}",
        hint="this is not expected: please report it with the command that you ran",
        facts={"said": said, "code": code},
    )


def _passing(error: StoreError, trouble: Trouble | None) -> StoreError:
    error.trouble = trouble
    return error
