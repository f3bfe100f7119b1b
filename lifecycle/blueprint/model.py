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
    Field,
    PlainValidator,
    StrictBool,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from lifecycle.blueprint.approval import Approval
from lifecycle.blueprint.backend import Backend
from lifecycle.blueprint.checks import Check, Place, Verify
from lifecycle.blueprint.hosts import Connection, HostSelector, HostsMapping
from lifecycle.blueprint.policy import Policy
from lifecycle.blueprint.probes import Part
from lifecycle.blueprint.scalars import (
    AfterName,
    Amount,
    Duration,
    InputName,
    Name,
    Regex,
    Secret,
    Serial,
    Text,
    describe,
    wrong,
)
from lifecycle.blueprint.schedule import Schedule
from lifecycle.revision import OnFailure
from lifecycle.sensitive import JSON

__all__ = [
    "Approval",
    "Backend",
    "Blueprint",
    "Check",
    "Configure",
    "Connection",
    "Cost",
    "Drain",
    "HostSelector",
    "HostsMapping",
    "Input",
    "InputType",
    "Lease",
    "OnFailure",
    "Place",
    "Policy",
    "Schedule",
    "Stack",
    "Verify",
]

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
    """A value that differs between environments. Without a default it must be given; a secret comes from its source alone."""

    type: InputType
    """What kind of value it is."""

    default: JSON = None  # `has_default` tells whether it was written down
    """The value where none is given. A secret cannot have one."""

    enum: tuple[JSON, ...] | None = None
    """The values that are allowed."""

    minimum: Number | None = None
    """The least value (integer and number only)."""

    maximum: Number | None = None
    """The greatest value (integer and number only)."""

    pattern: Regex | None = None
    """A regular expression that the whole text must match (string only)."""

    secret: StrictBool = False
    """Whether the value must never be shown or stored in clear. Then `type` is string, and `from` says where it is."""

    source: Secret | None = Field(None, validation_alias="from", serialization_alias="from")
    """Where a secret is: a variable, a file, an encrypted file, a vault, a cloud or the engine; or made once for the environment."""

    description: str = ""
    """What it is for, for people."""

    @property
    def has_default(self) -> bool:
        return "default" in self.model_fields_set


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
    """One Terraform root module.

    After loading, `connection` is complete: the blueprint's own default is merged in.
    """

    source: Annotated[Text, AfterValidator(_local)]
    """Folder of the root module, relative to the blueprint's folder; begins with ./, ../ or /."""

    vars: dict[str, JSON] = Field(default_factory=dict)
    """The module's input variables. A name that the module does not declare is refused."""

    depends_on: tuple[Name, ...] = ()
    """Stacks that must stand first. A reference to a stack's output implies this."""

    connection: Connection = Connection()
    """How this stack's hosts are reached; what is left out comes from the blueprint's own `connection`."""

    hosts: tuple[HostsMapping, ...] = ()
    """Which outputs hold the hosts, for a module without an output `hosts`."""


class Drain(Part):
    """What a step's hosts do before others are destroyed or replaced: a load balancer stops sending them visitors.

    The playbook runs on the step's own hosts, before the apply. It is told who leaves by the variable `baton_leaving`: a list of
    `{name, id, address, groups, …}`. Afterwards the step itself runs again.
    """

    hosts: HostSelector
    """The hosts whose leaving it is about."""

    playbook: Text
    """The playbook's file, relative to the blueprint's folder."""

    vars: dict[str, JSON] = Field(default_factory=dict)
    """Variables of the playbook. They may reference inputs and the environment, but no outputs."""

    required: StrictBool = True
    """Whether nothing is destroyed where the playbook fails or its hosts cannot be reached."""

    deadline: Duration | None = None
    """The longest that it may take. Default: 5 minutes."""


class Configure(Part):
    """One playbook on some hosts."""

    name: Name
    """Its name, for `after` and for people."""

    playbook: Text
    """The playbook's file, relative to the blueprint's folder."""

    hosts: HostSelector
    """The hosts to configure."""

    vars: dict[str, JSON] = Field(default_factory=dict)
    """Variables of the playbook. They are part of the digest: a changed one configures its hosts again."""

    after: tuple[AfterName, ...] = ()
    """Configure steps and checks (`check.NAME`) that must have succeeded first."""

    serial: Serial | None = None
    """How many hosts at a time, as a number or a part of them. Default: all that are ready."""

    become: StrictBool | None = None
    """Whether to run as root. Default: as the connection says."""

    deadline: Duration | None = None
    """The longest that one run of the playbook may take. Default: 30 minutes."""

    drain: Drain | None = None
    """What these hosts do before others, which they depend on or send traffic to, are destroyed."""


class Lease(Part):
    """How long an environment may stand. When its lease has ended, the next tick takes it down."""

    ttl: Duration
    """From the first `baton up` on. `baton lease extend` makes it longer."""

    warn: tuple[Duration, ...] = (timedelta(hours=1), timedelta(minutes=10))
    """How long before the end to warn: the tick says it as an event."""


class Cost(Part):
    """What an environment may cost, and the prices that it is estimated by."""

    prices: Text | None = None
    """A file with your own prices, relative to the blueprint's folder. They go before the packaged list prices, price by price."""

    region: Text | None = None
    """The region whose prices hold where neither a resource nor its provider tells one. Default: the cloud's."""

    max_monthly: Amount | None = None
    """The most that an environment may cost a month, in the currency of the prices."""

    max_increase: Amount | None = None
    """The most that one change may add to what it costs a month, in the currency of the prices."""


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
    """Version of the format: always 1."""

    name: Name
    """Name of the blueprint. Its environments are named NAME/ENV."""

    description: str = ""
    """What it is, for people."""

    owner: str = ""
    """Who answers for it, for people."""

    inputs: dict[InputName, Input] = Field(default_factory=dict)
    """Values that differ between environments: name → declaration. Used as `${inputs.NAME}`."""

    tags: dict[str, str] = Field(default_factory=dict)
    """Tags for every taggable resource of every stack, beside Baton's own `baton:environment` and `baton:stack`."""

    connection: Connection = Connection()
    """How hosts are reached, where a stack does not say otherwise."""

    stacks: Annotated[dict[Name, Stack], AfterValidator(_some_stacks)]
    """What it is made of: name → Terraform root module. At least one."""

    configure: tuple[Configure, ...] = ()
    """What runs on the hosts. The order is given by `after` and by references, not by the list."""

    verify: Verify = Verify()
    """What must be true before the environment is `ready`."""

    approval: Approval | None = None
    """When somebody must agree to what would be done. Default: never."""

    lease: Lease | None = None
    """Until when it may stand. Default: until somebody takes it down."""

    schedule: Schedule | None = None
    """When it is taken down again and again. Default: never by itself."""

    cost: Cost | None = None
    """What it may cost, and by which prices that is estimated. Default: no limits, and the packaged list prices."""
    policy: Policy = Policy()
    """By what it is judged before it is changed."""

    backend: Backend | None = None
    """Where Terraform's states are kept. Default: as the setting `BATON_BACKEND` says, else on this machine."""

    on_failure: OnFailure = OnFailure.KEEP
    """What becomes of it when an `up` fails: kept for a look; destroyed, if it was never ready; or back to what was ready last."""

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
