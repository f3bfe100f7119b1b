"""What a blueprint says, as frozen values. Defaults are filled in here, so that nobody has to ask for them again.

The shape of every part is checked here; what needs a look at other parts (names, references, cycles) is checked by `rules`.
"""

from __future__ import annotations

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

from lifecycle.blueprint.checks import Check, Place, Verify
from lifecycle.blueprint.hosts import Connection, HostSelector, HostsMapping
from lifecycle.blueprint.probes import Part
from lifecycle.blueprint.scalars import (
    AfterName,
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
from lifecycle.sensitive import JSON

__all__ = [
    "Blueprint",
    "Check",
    "Configure",
    "Connection",
    "HostSelector",
    "HostsMapping",
    "Input",
    "InputType",
    "Place",
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
