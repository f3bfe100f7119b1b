"""The look at a database's answer: MySQL/MariaDB by PyMySQL, PostgreSQL by pg8000, over a socket that a dialer made.

The connection is encrypted where the server offers that, and then not verified: what clients of both do by default. A
check with `tls` verifies certificates.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import pg8000.dbapi  # type: ignore[import-untyped]
import pymysql

from adapters.probe.dialer import Dialer, Link, target
from adapters.probe.look import Budget, Look, Mask
from adapters.probe.spec import ANYTHING, SqlSpec

SHOWN: Final = 200
"""Characters of an answer that the evidence shows."""


class _Failed(Exception):
    """The server said no; the message is in words."""


def look(spec: SqlSpec, dialer: Dialer, budget: Budget, mask: Mask) -> Look:
    """Whether the query's first row is what is wanted: its first column, or all of it when a list is."""
    ask = _ask_mysql if spec.engine == "mysql" else _ask_postgresql
    where = target(spec.host, spec.port)
    with budget.dialled(dialer, spec.host, spec.port) as link:
        try:
            row = ask(spec, link, budget.left())
        except _Failed as failure:
            return Look(False, f"{spec.engine} at {where} as {spec.user}: {failure}")
    return _compare(spec, row, mask)


def _ask_mysql(spec: SqlSpec, link: Link, seconds: float) -> Sequence[Any] | None:
    connection: Any = pymysql.Connection(
        host=spec.host,
        user=spec.user,
        password=spec.password,
        database=spec.database or None,
        read_timeout=seconds,
        write_timeout=seconds,
        defer_connect=True,
    )
    try:
        connection.connect(link.socket)
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(spec.query)
            row: Sequence[Any] | None = cursor.fetchone()
            return row
    except Exception as error:
        raise _failure(error, pymysql.MySQLError) from error


def _ask_postgresql(spec: SqlSpec, link: Link, seconds: float) -> Sequence[Any] | None:
    link.socket.settimeout(seconds)
    try:
        connection = pg8000.dbapi.Connection(
            spec.user,
            host=spec.host,
            port=spec.port,
            password=spec.password or None,
            database=spec.database or None,
            sock=link.socket,
        )
        with closing(connection), closing(connection.cursor()) as cursor:
            cursor.execute(spec.query)
            row: Sequence[Any] | None = cursor.fetchone()
            return row
    except Exception as error:
        raise _failure(error, pg8000.dbapi.Error) from error


def _failure(error: Exception, of_driver: type[Exception]) -> Exception:
    """What to raise for what a driver raised: a time-out as such, what the server or driver said in words, the rest as it is.

    Both drivers close a broken connection while they handle an error, and what that raises hides the error: the first
    of the chain is what happened.
    """
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, TimeoutError):
            return cause
    said = [cause for cause in chain if isinstance(cause, of_driver)]
    if said:
        return _Failed(_words(said[-1]))
    if isinstance(error, _NONSENSE):
        return _Failed(f"no answer that can be understood ({type(error).__name__}: {error})")
    return error


_NONSENSE: Final = (struct.error, LookupError, ValueError, AssertionError, RuntimeError, TypeError)
"""What the drivers raise when they are answered in another protocol, or need an authentication they do not have."""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _words(error: BaseException) -> str:
    """The server's message: pg8000 gives it as fields ("M" is the message), PyMySQL after its number."""
    match error.args:
        case [dict() as fields, *_]:
            return str(fields.get("M", fields))
        case [int(), str() as words, *_]:
            return words
        case _:
            return str(error)


def _compare(spec: SqlSpec, row: Sequence[Any] | None, mask: Mask) -> Look:
    def shown(value: Any) -> str:
        return mask(json.dumps(value, default=str))[:SHOWN]

    if spec.expected is ANYTHING:
        return Look(True, "the query was answered" if row else "the query was answered with no rows")
    if row is None:
        return Look(False, f"the query gave no rows, wanted {shown(spec.expected)}")
    whole = isinstance(spec.expected, list | tuple)
    found = [plain(value) for value in row] if whole else plain(row[0])
    wanted = [plain(value) for value in spec.expected] if whole else plain(spec.expected)
    if same(wanted, found):
        return Look(True, f"the answer is {shown(found)}")
    return Look(False, f"the answer is {shown(found)}, wanted {shown(wanted)}")


def same(wanted: Any, found: Any) -> bool:
    """JSON's equality; a text that is wanted is also found as the number, date or truth value that it spells."""
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(same(a, b) for a, b in zip(wanted, found, strict=True))
    if isinstance(wanted, str) and not isinstance(found, str) and found is not None:
        return wanted == (json.dumps(found) if isinstance(found, bool | int | float) else str(found))
    if isinstance(wanted, bool) and isinstance(found, int):  # MySQL's truth values are 0 and 1
        return wanted == bool(found) and found in (0, 1)
    return bool(wanted == found)


def plain(value: Any) -> Any:
    """A database's value as JSON has it: exact decimals as numbers, dates in ISO 8601, bytes as text."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes() | bytearray():
            return value.decode(errors="replace")
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [plain(item) for item in value]
        case dict():
            return value
        case _:
            return str(value)
