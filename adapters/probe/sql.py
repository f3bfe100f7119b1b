"""The look at a database's answer: MySQL/MariaDB by PyMySQL, PostgreSQL by pg8000, over a socket that a dialer made.

With `ca`, TLS is a must and is verified. Without it, the connection is as the server takes it: PostgreSQL's is encrypted
where the server offers that (not verified), as libpq's default does; MySQL's is not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import pg8000.dbapi  # type: ignore[import-untyped]
import pymysql

from adapters.probe.dialer import Dialer, Link, target
from adapters.probe.look import Budget, Look, Mask
from adapters.probe.spec import ANYTHING, SqlSpec
from adapters.probe.tls import context_for

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
        ssl=context_for(spec.ca) if spec.ca else None,
        ssl_disabled=not spec.ca,
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
    except pymysql.MySQLError as error:
        cause = getattr(error, "original_exception", None)
        if isinstance(cause, TimeoutError):
            raise cause from None
        words = error.args[1] if len(error.args) > 1 else error
        raise _Failed(str(words)) from None
    except RuntimeError as error:  # authentication that needs the `cryptography` package
        raise _Failed(str(error)) from None


def _ask_postgresql(spec: SqlSpec, link: Link, seconds: float) -> Sequence[Any] | None:
    link.socket.settimeout(seconds)
    try:
        connection = pg8000.dbapi.Connection(
            spec.user,
            host=spec.host,
            port=spec.port,
            password=spec.password or None,
            database=spec.database or None,
            ssl_context=context_for(spec.ca) if spec.ca else None,
            sock=link.socket,
        )
        with closing(connection), closing(connection.cursor()) as cursor:
            cursor.execute(spec.query)
            row: Sequence[Any] | None = cursor.fetchone()
            return row
    except pg8000.dbapi.Error as error:
        said = error.args[0] if error.args else error
        raise _Failed(str(said.get("M", said) if isinstance(said, dict) else said)) from None


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
