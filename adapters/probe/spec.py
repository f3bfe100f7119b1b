"""Specs: the keys of a check as the blueprint names them, read once into values with types.

The blueprint was checked when it was loaded, but references are resolved later, so a port may turn out to be no port.
Whatever is wrong raises BadCheck, which names the check, the key and what was expected. Secrets are revealed here, so
these values print nothing of themselves.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from lifecycle.errors import BatonError, ExitCode
from lifecycle.sensitive import reveal
from lifecycle.verification import Check


class _Anything:
    """No expectation was written."""


ANYTHING: Final = _Anything()


class BadCheck(BatonError):
    """A check is written wrongly."""

    exit_code = ExitCode.USAGE


_MISSING: Final = object()


class Keys:
    """Reads keys one after the other; `done` refuses those that nobody asked for."""

    def __init__(self, check: str, within: str, values: Mapping[str, Any]) -> None:
        self._check, self._within = check, within
        self._values = {str(key): reveal(value) for key, value in values.items()}
        self._asked: list[str] = []

    def take(self, key: str, default: Any = _MISSING) -> Any:
        self._asked.append(key)
        value = self._values.get(key, default)
        if value is _MISSING or (value is None and default is _MISSING):
            raise self.wrong(key, "is missing")
        return default if value is None else value

    def wanted(self, key: str) -> Any:
        """Any JSON value, null too; ANYTHING when the key is not there."""
        self._asked.append(key)
        return self._values.get(key, ANYTHING)

    def text(self, key: str, default: Any = _MISSING) -> str:
        value = self.take(key, default)
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise self.wrong(key, "must be text")
        return str(value)

    def integer(self, key: str, default: Any = _MISSING, *, low: int = 0, high: int = 2**31) -> int:
        value = self.take(key, default)
        if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(key, f"must be a whole number from {low} to {high}")
        return value

    def port(self, default: Any = _MISSING) -> int:
        return self.integer("port", default, low=1, high=65535)

    def choice(self, key: str, *words: str) -> str:
        """One of the words; the first is the default."""
        value = self.text(key, words[0])
        if value not in words:
            raise self.wrong(key, f"must be one of {', '.join(words)}")
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        value = self.take(key, {})
        if not isinstance(value, Mapping):
            raise self.wrong(key, "must be a mapping")
        return dict(value)

    def inner(self, key: str) -> Keys:
        return Keys(self._check, f"{self._within}.{key}", self.mapping(key))

    def regex(self, key: str) -> re.Pattern[str] | None:
        pattern = self.text(key, "")
        try:
            return re.compile(pattern) if pattern else None
        except re.error as error:
            raise self.wrong(key, f"is not a regular expression: {error}") from None

    def duration(self, key: str) -> timedelta | None:
        value = self.take(key, None)
        if value is not None and not isinstance(value, timedelta):
            raise self.wrong(key, "must be a duration")
        return value

    def done(self) -> None:
        unknown = sorted(set(self._values) - set(self._asked))
        if unknown:
            raise self.wrong(unknown[0], f"is not known here; known are {', '.join(sorted(set(self._asked)))}")

    def wrong(self, key: str, what: str) -> BadCheck:
        return BadCheck(f"check '{self._check}': {self._within}.{key} {what}", facts={"check": self._check})


@dataclass(frozen=True, slots=True, repr=False)
class TextMatch:
    """What a text must hold. Nothing given matches anything."""

    contains: str = ""
    regex: re.Pattern[str] | None = None

    def missing(self, text: str, what: str) -> str:
        """Why the text does not match, in words; empty when it does."""
        if self.contains and self.contains not in text:
            return f"{what} does not contain {self.contains!r}"
        if self.regex and not self.regex.search(text):
            return f"{what} does not match /{self.regex.pattern}/"
        return ""


@dataclass(frozen=True, slots=True, repr=False)
class HttpSpec:
    url: SplitResult
    method: str
    status: tuple[int, ...]
    body: TextMatch
    json: Any  # what the parsed body must hold, or ANYTHING
    headers: Mapping[str, str]
    max_latency: timedelta | None
    ca: str
    server_name: str  # what is asked for, and what the certificate must be for

    @property
    def secure(self) -> bool:
        return self.url.scheme == "https"

    @property
    def host(self) -> str:
        return self.url.hostname or ""

    @property
    def port(self) -> int:
        return self.url.port or (443 if self.secure else 80)

    @property
    def path(self) -> str:
        return (self.url.path or "/") + (f"?{self.url.query}" if self.url.query else "")

    @classmethod
    def read(cls, keys: Keys) -> HttpSpec:
        body = keys.inner("body")
        status = keys.take("status", 200)
        url = _url(keys)
        spec = cls(
            url=url,
            method=keys.text("method", "GET").upper(),
            status=tuple(_status(keys, code) for code in (status if isinstance(status, list | tuple) else [status])),
            body=TextMatch(body.text("contains", ""), body.regex("regex")),
            json=body.wanted("json"),
            headers={str(key): str(value) for key, value in keys.mapping("headers").items()},
            max_latency=keys.duration("max_latency"),
            ca=keys.text("ca", ""),
            server_name=keys.text("server_name", "") or url.hostname or "",
        )
        body.done()
        keys.done()
        return spec


def _url(keys: Keys) -> SplitResult:
    try:
        url = urlsplit(keys.text("url"))
        _ = url.port  # raises when it is no port
    except ValueError as error:
        raise keys.wrong("url", f"is not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise keys.wrong("url", "must be a whole http:// or https:// URL")
    if url.username or url.password:
        raise keys.wrong("url", "must not hold a user or password: use headers (Authorization) with a secret input")
    return url


def _status(keys: Keys, code: object) -> int:
    if not isinstance(code, int) or isinstance(code, bool) or not 100 <= code <= 599:
        raise keys.wrong("status", "must be a status code or a list of them")
    return code


@dataclass(frozen=True, slots=True, repr=False)
class TcpSpec:
    host: str
    port: int
    closed: bool

    @classmethod
    def read(cls, keys: Keys) -> TcpSpec:
        spec = cls(keys.text("host"), keys.port(), keys.choice("expect", "open", "closed") == "closed")
        keys.done()
        return spec


@dataclass(frozen=True, slots=True, repr=False)
class TlsSpec:
    host: str  # where to connect
    port: int
    server_name: str  # what the certificate must be for
    min_days: int
    ca: str

    @classmethod
    def read(cls, keys: Keys) -> TlsSpec:
        host = keys.text("host")
        name = keys.text("server_name", "") or host
        spec = cls(host, keys.port(443), name, keys.integer("min_days", 0), keys.text("ca", ""))
        keys.done()
        return spec


@dataclass(frozen=True, slots=True, repr=False)
class SqlSpec:
    engine: str
    host: str
    port: int
    user: str
    password: str
    database: str
    query: str
    expected: Any  # first column of the first row, a list for the whole row, or ANYTHING

    @classmethod
    def read(cls, keys: Keys) -> SqlSpec:
        engine = keys.choice("engine", "mysql", "postgresql")
        spec = cls(
            engine=engine,
            host=keys.text("host"),
            port=keys.port(3306 if engine == "mysql" else 5432),
            user=keys.text("user"),
            password=keys.text("password", ""),
            database=keys.text("database", ""),
            query=keys.text("query", "SELECT 1"),
            expected=keys.wanted("equals"),
        )
        keys.done()
        return spec


@dataclass(frozen=True, slots=True, repr=False)
class CommandSpec:
    command: str  # a line for /bin/sh
    exit: int
    stdout: TextMatch

    @classmethod
    def read(cls, keys: Keys) -> CommandSpec:
        expect = keys.inner("expect")
        stdout = expect.inner("stdout")
        match = TextMatch(stdout.text("contains", ""), stdout.regex("regex"))
        spec = cls(_command(keys), expect.integer("exit", 0, high=255), match)
        for part in (stdout, expect, keys):
            part.done()
        return spec


def _command(keys: Keys) -> str:
    command = keys.take("command")
    if isinstance(command, list | tuple) and command:
        return shlex.join(str(word) for word in command)
    if isinstance(command, str) and command.strip():
        return command
    raise keys.wrong("command", "must be a line for the shell, or a list of words")


@dataclass(frozen=True, slots=True, repr=False)
class ServiceSpec:
    name: str

    @classmethod
    def read(cls, keys: Keys) -> ServiceSpec:
        name = keys.text("name")
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_@.:-]*", name):
            raise keys.wrong("name", "is not a service's name")
        keys.done()
        return cls(name)


Spec = HttpSpec | TcpSpec | TlsSpec | SqlSpec | CommandSpec | ServiceSpec
_READERS: Final[Mapping[str, Callable[[Keys], Spec]]] = {
    "http": HttpSpec.read,
    "tcp": TcpSpec.read,
    "tls": TlsSpec.read,
    "sql": SqlSpec.read,
    "command": CommandSpec.read,
    "service": ServiceSpec.read,
}


def read_spec(check: Check) -> Spec:
    """The check's keys as values. Raises BadCheck."""
    reader = _READERS.get(check.kind)
    if reader is None:
        raise BadCheck(f"check '{check.name}': kind '{check.kind}' is not one of {', '.join(_READERS)}")
    return reader(Keys(check.name, check.kind, check.spec))
