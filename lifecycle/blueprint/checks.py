"""The checks of a blueprint: what is looked at, from where, when and how often."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import (
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictInt,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from lifecycle import verification
from lifecycle.blueprint.hosts import HostSelector
from lifecycle.blueprint.probes import KINDS, Command, CommandExpect, Http, Part, Sql, TcpExpect, TcpTarget, Tls
from lifecycle.blueprint.problems import did_you_mean
from lifecycle.blueprint.scalars import AfterName, Delay, Duration, Name, Text, describe, wrong
from lifecycle.sensitive import JSON

_BUILT_IN = verification.Thresholds()
Times = Annotated[StrictInt, Field(ge=1)]


class ThresholdKeys(Part):
    """When and how often a check looks: Kubernetes' probe words in snake_case, plus `deadline`."""

    initial_delay: Delay = _BUILT_IN.initial_delay
    """How long to wait before the first look. Counts against the deadline."""

    period: Duration = _BUILT_IN.period
    """From the start of one look to the start of the next."""

    timeout: Duration = _BUILT_IN.timeout
    """The longest that one look may take as a whole."""

    success_threshold: Times = _BUILT_IN.success_threshold
    """Successes in a row that make it pass."""

    failure_threshold: Times = _BUILT_IN.failure_threshold
    """Failures in a row that make it fail before the deadline."""

    deadline: Duration = _BUILT_IN.deadline
    """Undecided after this long, it has failed."""

    @property
    def thresholds(self) -> verification.Thresholds:
        return verification.Thresholds(**{name: getattr(self, name) for name in ThresholdKeys.model_fields})


class Place(StrEnum):
    """Where a check looks from, when it is not a host."""

    CONTROLLER = "controller"  # where Baton runs
    OUTSIDE = "outside"  # where the environment's users are


def _place(value: object) -> Place:
    if isinstance(value, str) and value in tuple(Place):
        return Place(value)
    suggestion = did_you_mean(value, Place) if isinstance(value, str) else ""
    raise wrong(f"found {describe(value)}", "controller, outside, or a mapping with stack, group or tags", suggestion)


def _place_or_hosts(value: object) -> str:
    return "<hosts>" if isinstance(value, dict | HostSelector) else "<place>"


def _tcp_or_command(value: object) -> str:
    return "<command>" if isinstance(value, dict | CommandExpect) else "<tcp>"


Expect = Annotated[
    Annotated[TcpExpect, Tag("<tcp>")] | Annotated[CommandExpect, Tag("<command>")], Discriminator(_tcp_or_command)
]
PlaceName = Annotated[
    Place,
    PlainValidator(_place),
    PlainSerializer(lambda place: place, Place),
    WithJsonSchema({"enum": [str(place) for place in Place]}),
]
From = Annotated[
    Annotated[PlaceName, Tag("<place>")] | Annotated[HostSelector, Tag("<hosts>")],
    Discriminator(_place_or_hosts),
]


class Check(ThresholdKeys):
    """One thing that must be true of the environment. Exactly one kind of probe is given."""

    name: Name
    """Its name, for `after: [check.NAME]` and for people."""

    http: Http | None = None
    """An HTTP(S) answer."""

    tcp: TcpTarget | None = None
    """A TCP port, as `host:port` or as a mapping."""

    tls: Tls | None = None
    """A certificate."""

    command: Command | None = None
    """A command on hosts (`on`), as the connection's user: a text for the host's shell, or a list of words without a shell."""

    sql: Sql | None = None
    """The answer of a database."""

    service: Text | None = None
    """The name of a service that must run on hosts (`on`), whatever their service manager is."""

    expect: Expect | None = None
    """Of tcp: `open` (default) or `closed`. Of command: its exit code and what it prints."""

    from_: From = Field(Place.CONTROLLER, validation_alias="from", serialization_alias="from")
    """Where it looks from: `controller` (where Baton runs), `outside` (where users are), or each of the selected hosts."""

    on: HostSelector | None = None
    """The hosts that it runs on; of command and service only, and needed there."""

    after: tuple[AfterName, ...] | None = None
    """Configure steps and checks that come first. Default: every configure step that does not wait for this check."""

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
    """What must be true of the environment.

    After loading, `defaults` are merged into each check.
    """

    defaults: ThresholdKeys = ThresholdKeys()
    """When and how often, for checks that do not say it themselves."""

    checks: tuple[Check, ...] = ()
    """The checks. They run at the same time unless `after` says otherwise."""

    @field_validator("checks")
    @classmethod
    def _with_defaults(cls, checks: tuple[Check, ...], info: ValidationInfo) -> tuple[Check, ...]:
        defaults = info.data.get("defaults")  # absent when it is wrong itself
        said = defaults.explicit() if defaults else {}
        return tuple(check.model_copy(update=said | check.explicit()) for check in checks)
