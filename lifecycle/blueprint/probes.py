"""What a check looks at: one class for each kind of probe. Texts may hold references unless said otherwise."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, WithJsonSchema

from lifecycle.blueprint.scalars import Between, Certificates, Duration, Port, Regex, Text, Url, describe, wrong
from lifecycle.sensitive import JSON


class Part(BaseModel):
    """What all parts of a blueprint have in common: they are frozen, and every key is known."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, validate_by_name=True)

    def explicit(self) -> dict[str, Any]:
        """The fields that were written down, without the defaults."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}

    def plain(self) -> dict[str, JSON]:
        """The fields as a mapping, by the names that a blueprint uses; those left out that have no default are absent."""
        found: dict[str, JSON] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value is not None or name in self.model_fields_set:
                found[field.serialization_alias or name] = value.plain() if isinstance(value, Part) else value
        return found


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, int) else value


def _at_least_one(statuses: tuple[int, ...]) -> tuple[int, ...]:
    if not statuses:
        raise wrong("found an empty list", "a status such as 200, or a list of them")
    return statuses


Status = Annotated[int, Between(100, 599, "a status")]
Statuses = Annotated[
    tuple[Status, ...],
    BeforeValidator(_one_or_many),
    AfterValidator(_at_least_one),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 100, "maximum": 599}},
            ]
        }
    ),
]


class TextMatch(Part):
    """What a text must look like: all that is given must hold."""

    contains: Text | None = None
    """A text that must be in it."""

    regex: Regex | None = None
    """A regular expression that must be found somewhere in it."""


class BodyMatch(TextMatch):
    """What an answer's body must look like: all that is given must hold."""

    json_: JSON = Field(None, validation_alias="json", serialization_alias="json")
    """Equals the parsed body; of a mapping only the keys that are named here count, at every depth. No references inside keys."""


class Method(StrEnum):
    """How the address is asked for."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"


class Http(Part):
    """An HTTP(S) answer. Redirects are not followed; certificates are always checked."""

    url: Url
    """The address to ask."""

    method: Method = Method.GET
    """The HTTP method."""

    headers: dict[str, str] = Field(default_factory=dict)
    """Headers of the request."""

    status: Statuses = (200,)
    """The status that must come, or a list of which any will do."""

    body: BodyMatch | None = None
    """What the body must look like. Its first megabyte is read."""

    ca: Certificates | None = None
    """Certificates to trust instead of the system's: a file (PEM), or a reference to such a text."""

    server_name: Text | None = None
    """The name to ask for and to find in the certificate. Default: the url's host."""

    max_latency: Duration | None = None
    """The longest from the request to the answer's headers."""


class Tcp(Part):
    """A TCP port. Written `host:port` or as a mapping."""

    host: Text
    """Name or address."""

    port: Port
    """The port."""


class TcpExpect(StrEnum):
    """What a TCP port should be: closed means that no connection comes about, refused or filtered."""

    OPEN = "open"
    CLOSED = "closed"


_HOST_AND_PORT = re.compile(r"(\[[^\[\]\s]+\]|(?:\$\{[^}]*\}|[^\s:])+):([0-9]{1,5}|\$\{[^}]*\})")


def _host_and_port(value: object) -> object:
    if isinstance(value, dict | Tcp):
        return value
    match = _HOST_AND_PORT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong(f"found {describe(value)}", "host:port, or a mapping with host and port")
    host, port = match[1], match[2]
    if host.startswith("["):  # an IPv6 address
        host = host[1:-1]
    return {"host": host, "port": int(port) if port.isdecimal() else port}


class Tls(Part):
    """A certificate: it is trusted, names the server, and is good for some time yet."""

    host: Text
    """Name or address of the server."""

    port: Port = 443
    """The port."""

    server_name: Text | None = None
    """The name to ask for and to find in the certificate. Default: the host."""

    min_days: Annotated[StrictInt, Field(ge=0)] = 14
    """Days that the certificate must still be good for."""

    ca: Certificates | None = None
    """Certificates to trust instead of the system's: a file (PEM), or a reference to such a text."""


class Engine(StrEnum):
    """Which database is asked."""

    MYSQL = "mysql"
    POSTGRESQL = "postgresql"


class Sql(Part):
    """The answer of a query."""

    engine: Engine
    """Which protocol to speak."""

    host: Text
    """Name or address of the server."""

    port: Port | None = None
    """The port. Default: the engine's own, 3306 or 5432."""

    user: Text
    """The user to log in as."""

    password: str = ""
    """Its password: a reference to a secret input."""

    database: str = ""
    """The database to use."""

    query: Text
    """The query to send."""

    equals: JSON = None  # `explicit` tells whether it was written down
    """The first column of the first row, compared as text when it is one; left out, any answer will do."""


def _command(value: object) -> object:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return tuple(value)
    expected = "a command: a text for the host's shell, or a list of texts (program and arguments) for no shell"
    raise wrong("found nothing to run" if not value else "found something else", expected)


Command = Annotated[
    str | tuple[str, ...],
    BeforeValidator(_command),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]}),
]


class CommandExpect(Part):
    """How a command must end, and what it must print."""

    exit: Annotated[int, Between(0, 255, "an exit code")] = 0
    """The exit code that it must end with."""

    stdout: TextMatch | None = None
    """What its standard output must look like."""


TcpTarget = Annotated[
    Tcp,
    BeforeValidator(_host_and_port),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^.+:([0-9]{1,5}|\\$\\{.+\\})$"},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["host", "port"],
                    "properties": {
                        "host": {"type": "string"},
                        "port": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^\\$\\{.+\\}$"}]},
                    },
                },
            ]
        }
    ),
]

KINDS: tuple[str, ...] = ("http", "tcp", "tls", "command", "sql", "service")
ON_HOSTS: frozenset[str] = frozenset({"command", "service"})
"""Kinds that always run on hosts (`on:`); the others look from somewhere (`from:`)."""
