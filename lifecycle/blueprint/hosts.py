"""How hosts are reached, found in a module's outputs, and selected."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Discriminator, Field, PlainSerializer, PlainValidator, StrictBool, Tag, WithJsonSchema

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


class HostSelector(Part):
    """Which hosts: all that is given must hold, and at least one must be given."""

    stack: Name | None = None
    """Hosts of this stack."""

    group: GroupName | None = None
    """Hosts of this group."""

    tags: dict[str, str] = Field(default_factory=dict)
    """Hosts that carry all of these tags."""

    def resolved(self, lookup: references.Lookup) -> inventory.Selector:
        """The selector with the references in its tags resolved (inputs and the environment's name only)."""
        tags = references.resolve(self.tags, lookup)
        return inventory.Selector(
            stack=self.stack or "",
            group=self.group or "",
            tags=tuple((key, str(value)) for key, value in sorted(tags.items())),
        )


def _host_or_selector(value: object) -> str:
    return "<hosts>" if isinstance(value, dict | HostSelector) else "<host>"


Jump = Annotated[
    Annotated[Text, Tag("<host>")] | Annotated[HostSelector, Tag("<hosts>")], Discriminator(_host_or_selector)
]


class Connection(Part):
    """How hosts are reached. What a host of a module's `hosts` output says about itself (user, port) wins over it."""

    user: Text = "admin"
    """The user to log in as."""

    port: Port = 22
    """The port of sshd."""

    key: Key = KeySource()
    """The private key: `generate` (one per environment, made by Baton), `file:PATH`, or `agent`."""

    become: StrictBool = True
    """Whether playbooks, and looks at a service, run as root by sudo. Commands of checks run as the user."""

    jump: Jump | None = None
    """A host to go through: as `user@host[:port]`, or as a mapping with stack, group or tags that selects exactly one host of the
    environment, which is entered directly. null in a stack takes back the blueprint's own."""

    trust: tuple[TrustSource, ...] = (Trust.OUTPUT, Trust.CONSOLE)
    """Where a host's key is learnt, in order of trial: `output`, `console`, `ca`, `first-use` (recorded as a finding)."""

    ca: FilePath | None = None
    """Public key of the SSH host certificate authority, for `trust: [ca]`."""

    ready_deadline: Duration = timedelta(minutes=5)
    """How long a host may take from being seen to being ready."""

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
    """The group that these hosts are in."""

    address: OutputName
    """The output with the addresses."""

    id: OutputName
    """The output with the instance ids: what the cloud calls them."""

    name: OutputName | None = None
    """The output with the names. Default: the group's name and a number, from 1."""

    user: Text | None = None
    """The user to log in as, literally. Default: the connection's."""

    port: PortNumber | None = None
    """The port of sshd. Default: the connection's."""
