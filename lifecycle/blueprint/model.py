"""What a blueprint says, as frozen values. Defaults are filled in here, so that nobody has to ask for them again.

The shape of every part is checked here; what needs a look at other parts (names, references, cycles) is checked by `rules`.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictInt,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from lifecycle import inventory, verification
from lifecycle.blueprint import references
from lifecycle.blueprint.probes import (
    KINDS,
    Command,
    CommandExpect,
    Http,
    Part,
    Sql,
    TcpExpect,
    TcpTarget,
    Tls,
)
from lifecycle.blueprint.problems import did_you_mean
from lifecycle.blueprint.scalars import (
    AfterName,
    Delay,
    Duration,
    FilePath,
    GroupName,
    InputName,
    Key,
    KeySource,
    Name,
    OutputName,
    Port,
    PortNumber,
    Regex,
    Secret,
    Serial,
    Text,
    describe,
    wrong,
)
from lifecycle.inventory import Trust
from lifecycle.sensitive import JSON

# --- inputs -----------------------------------------------------------------------------------------------------------


class InputType(StrEnum):
    """The types that an input may have."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    MAP = "map"


def _number(value: object) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise wrong(f"found {describe(value)}", "a number")


Number = Annotated[int | float, PlainValidator(_number), WithJsonSchema({"type": "number"})]


class Input(Part):
    """A value that differs between environments. Without a default, or a source if it is secret, it must be given."""

    type: InputType
    default: JSON = None  # `has_default` tells whether it was written down
    enum: tuple[JSON, ...] | None = None
    minimum: Number | None = None
    maximum: Number | None = None
    pattern: Regex | None = None  # matched against the whole text
    secret: StrictBool = False
    source: Secret | None = Field(None, validation_alias="from", serialization_alias="from")
    description: str = ""

    @property
    def has_default(self) -> bool:
        return "default" in self.model_fields_set


# --- hosts ------------------------------------------------------------------------------------------------------------


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


# --- stacks and configuration -----------------------------------------------------------------------------------------


def _local(source: str) -> str:
    if source.startswith(("./", "../", "/")) or source in (".", ".."):
        return source
    looks_local = source.count("/") != 2 and not any(mark in source for mark in ("::", "://", "@", "?"))
    suggestion = f"did you mean './{source}'?" if looks_local else "copy the module beside the blueprint for now"
    raise wrong(
        f"'{source:.60}' is not a local path, and other sources are not supported yet",
        "a path that begins with ./, ../ or /",
        suggestion,
    )


class Stack(Part):
    """One Terraform root module. After loading, `connection` is complete: the blueprint's own default is merged in."""

    source: Annotated[Text, AfterValidator(_local)]  # relative to the blueprint's folder
    vars: dict[str, JSON] = Field(default_factory=dict)
    depends_on: tuple[Name, ...] = ()
    connection: Connection = Connection()
    hosts: tuple[HostsMapping, ...] = ()


class Configure(Part):
    """One playbook on some hosts."""

    name: Name
    playbook: Text  # relative to the blueprint's folder
    hosts: HostSelector
    vars: dict[str, JSON] = Field(default_factory=dict)
    after: tuple[AfterName, ...] = ()
    serial: Serial | None = None
    become: StrictBool | None = None  # default: the connection's
    deadline: Duration | None = None


# --- checks -----------------------------------------------------------------------------------------------------------

_BUILT_IN = verification.Thresholds()
Times = Annotated[StrictInt, Field(ge=1)]


class ThresholdKeys(Part):
    """When and how often a check looks: Kubernetes' probe words in snake_case, plus `deadline`."""

    initial_delay: Delay = _BUILT_IN.initial_delay
    period: Duration = _BUILT_IN.period
    timeout: Duration = _BUILT_IN.timeout
    success_threshold: Times = _BUILT_IN.success_threshold
    failure_threshold: Times = _BUILT_IN.failure_threshold
    deadline: Duration = _BUILT_IN.deadline

    @property
    def thresholds(self) -> verification.Thresholds:
        return verification.Thresholds(**{name: getattr(self, name) for name in ThresholdKeys.model_fields})


class Place(StrEnum):
    """Where a check looks from, when it is not a host."""

    CONTROLLER = "controller"  # where Baton runs
    OUTSIDE = "outside"  # where the environment's users are


def _place_or_hosts(value: object) -> str:
    return "<hosts>" if isinstance(value, dict | HostSelector) else "<place>"


def _tcp_or_command(value: object) -> str:
    return "<command>" if isinstance(value, dict | CommandExpect) else "<tcp>"


Expect = Annotated[
    Annotated[TcpExpect, Tag("<tcp>")] | Annotated[CommandExpect, Tag("<command>")], Discriminator(_tcp_or_command)
]
From = Annotated[
    Annotated[Place, Tag("<place>")] | Annotated[HostSelector, Tag("<hosts>")], Discriminator(_place_or_hosts)
]


class Check(ThresholdKeys):
    """One thing that must be true of the environment. Exactly one kind of probe is given."""

    name: Name
    http: Http | None = None
    tcp: TcpTarget | None = None
    tls: Tls | None = None
    command: Command | None = None
    sql: Sql | None = None
    service: Text | None = None
    expect: Expect | None = None  # of tcp (default: open) and of command
    from_: From = Field(Place.CONTROLLER, validation_alias="from", serialization_alias="from")
    on: HostSelector | None = None  # of command and service only
    after: tuple[AfterName, ...] | None = None  # None: after every configure step that does not wait for this check

    @property
    def kind(self) -> str:
        """Which of `KINDS` it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def hosts(self) -> HostSelector | None:
        """The hosts that it runs on or looks from; None when it looks from the controller or from outside."""
        return self.on or (self.from_ if isinstance(self.from_, HostSelector) else None)

    @property
    def vantage(self) -> str:
        """Where it looks from: controller, outside or hosts."""
        return "hosts" if self.hosts else str(self.from_)

    @property
    def spec(self) -> dict[str, JSON]:
        """The probe's keys as the blueprint names them, references unresolved, durations as timedelta, defaults filled in.

        Keys without a default that were left out are absent. tcp has `expect` (open or closed) beside host and port; a command
        is {command, expect: {exit, stdout: {contains, regex}}}; a service is {name}.
        """
        match self.kind:
            case "command":
                expect = self.expect if isinstance(self.expect, CommandExpect) else CommandExpect()
                return {"command": self.command, "expect": expect.plain()}
            case "service":
                return {"name": self.service}
            case "tcp":
                assert self.tcp is not None
                return {**self.tcp.plain(), "expect": self.expect or TcpExpect.OPEN}
            case kind:
                probe: Part = getattr(self, kind)
                return probe.plain()


class Verify(Part):
    """The checks. After loading, `defaults` are merged into each of them."""

    defaults: ThresholdKeys = ThresholdKeys()
    checks: tuple[Check, ...] = ()

    @field_validator("checks")
    @classmethod
    def _with_defaults(cls, checks: tuple[Check, ...], info: ValidationInfo) -> tuple[Check, ...]:
        defaults = info.data.get("defaults")  # absent when it is wrong itself
        said = defaults.explicit() if defaults else {}
        return tuple(check.model_copy(update=said | check.explicit()) for check in checks)


# --- the whole --------------------------------------------------------------------------------------------------------


def _version(value: object) -> object:
    if value != 1 or isinstance(value, bool | float):
        raise wrong(f"found {describe(value)}", "1, the version of the blueprint format")
    return value


def _some_stacks(stacks: dict[str, Stack]) -> dict[str, Stack]:
    if not stacks:
        raise wrong("found no stack", "at least one stack")
    return stacks


class Blueprint(Part):
    """One kind of environment: what it is made of, how it is configured, what must be true of it."""

    blueprint: Annotated[int, BeforeValidator(_version), WithJsonSchema({"const": 1})]
    name: Name
    description: str = ""
    owner: str = ""
    inputs: dict[InputName, Input] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)
    connection: Connection = Connection()
    stacks: Annotated[dict[Name, Stack], AfterValidator(_some_stacks)]
    configure: tuple[Configure, ...] = ()
    verify: Verify = Verify()

    @field_validator("stacks")
    @classmethod
    def _with_connection(cls, stacks: dict[str, Stack], info: ValidationInfo) -> dict[str, Stack]:
        default = info.data.get("connection")  # absent when it is wrong itself
        if default is None:
            return stacks
        return {
            name: stack.model_copy(update={"connection": stack.connection.over(default)})
            for name, stack in stacks.items()
        }

    @property
    def checks(self) -> tuple[Check, ...]:
        return self.verify.checks
