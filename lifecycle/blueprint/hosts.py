"""How hosts are reached, found in a module's outputs, and selected."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, PlainSerializer, PlainValidator, StrictBool, WithJsonSchema

from lifecycle import inventory
from lifecycle.blueprint import references
from lifecycle.blueprint.probes import Part
from lifecycle.blueprint.problems import did_you_mean
from lifecycle.blueprint.scalars import (
    Duration,
    FilePath,
    GroupName,
    Key,
    KeySource,
    Name,
    OutputName,
    Port,
    PortNumber,
    Text,
    describe,
    wrong,
)
from lifecycle.inventory import Trust

_SOURCES = (Trust.OUTPUT, Trust.CONSOLE, Trust.CA, Trust.FIRST_USE)  # `pinned` is an answer, never a choice


def _trust(value: object) -> Trust:
    if isinstance(value, str) and value in _SOURCES:
        return Trust(value)
    suggestion = did_you_mean(value, _SOURCES) if isinstance(value, str) else ""
    raise wrong(f"found {describe(value)}", ", ".join(_SOURCES[:-1]) + f" or {_SOURCES[-1]}", suggestion)


TrustSource = Annotated[
    Trust,
    PlainValidator(_trust),
    PlainSerializer(lambda source: source, Trust),
    WithJsonSchema({"enum": [str(source) for source in _SOURCES]}),
]


class Connection(Part):
    """How hosts are reached. What a host of a module's `hosts` output says about itself (user, port) wins over it."""

    user: Text = "admin"
    port: Port = 22
    key: Key = KeySource()
    become: StrictBool = True
    jump: Text | None = None  # user@host[:port]
    trust: tuple[TrustSource, ...] = (Trust.OUTPUT, Trust.CONSOLE)  # where host keys come from, in order of trial
    ca: FilePath | None = None  # public key of the SSH host certificate authority
    ready_deadline: Duration = timedelta(minutes=5)

    def over(self, default: Connection) -> Connection:
        """This connection, with what it does not say taken from a default."""
        return Connection.model_construct(
            _fields_set=self.model_fields_set | default.model_fields_set,
            **{name: getattr(self if name in self.model_fields_set else default, name) for name in _CONNECTION_KEYS},
        )


_CONNECTION_KEYS = tuple(Connection.model_fields)


class HostsMapping(Part):
    """Where a module without a `hosts` output keeps its hosts: names of outputs, each a text or a list of texts, equally long."""

    group: GroupName
    address: OutputName
    id: OutputName  # what the cloud calls the instance
    name: OutputName | None = None  # default: the group's name and a number, from 1
    user: Text | None = None  # literal; default: the connection's
    port: PortNumber | None = None


class HostSelector(Part):
    """Which hosts: all that is given must hold, and at least one must be given."""

    stack: Name | None = None
    group: GroupName | None = None
    tags: dict[str, str] = Field(default_factory=dict)

    def resolved(self, lookup: references.Lookup) -> inventory.Selector:
        """The selector with the references in its tags resolved (inputs and the environment's name only)."""
        tags = references.resolve(self.tags, lookup)
        return inventory.Selector(
            stack=self.stack or "",
            group=self.group or "",
            tags=tuple((key, str(value)) for key, value in sorted(tags.items())),
        )
