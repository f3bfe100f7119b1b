"""The policy of a blueprint: which rules an environment is judged by, and what is let pass."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

from lifecycle.blueprint.policy_rules import RuleKeys, Rules
from lifecycle.blueprint.probes import Part
from lifecycle.blueprint.scalars import Matches, Name, Text, describe, wrong
from lifecycle.policy import finding
from lifecycle.policy.finding import Level


def _day(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise wrong(f"found {describe(value)}", "a day such as 2026-12-31")


Day = Annotated[
    date,
    PlainValidator(_day),
    PlainSerializer(date.isoformat, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date"}),
]


def _beside(path: str) -> str:
    if path.startswith(("./", "../", "/")):
        return path
    raise wrong(f"found {describe(path)}", "a path that begins with ./, ../ or /", f"did you mean './{path}'?")


PolicyPath = Annotated[Text, AfterValidator(_beside)]
ResourceType = Annotated[str, Matches(r"[a-z][a-z0-9_]*|\*", "a type of resource such as aws_instance, or * for all")]


class CelRule(RuleKeys):
    """A rule of one line in CEL, the Common Expression Language. It says what is wrong: give `deny` or `warn`."""

    name: Name
    """Its name, for findings and waivers."""

    resource: ResourceType = "*"
    """The type of the resources that it looks at."""

    deny: Text | None = None
    """An expression over `resource` (the planned attributes), `address`, `type`, `action`, `stack`: true is not allowed."""

    warn: Text | None = None
    """The same, and true is only a warning."""

    message: Text
    """What is wrong, for people."""

    @model_validator(mode="after")
    def _one_expression(self) -> CelRule:
        if (self.deny is None) == (self.warn is None):
            raise wrong("this rule says nothing" if self.deny is None else "this rule says two things", "deny or warn")
        return self

    @property
    def expression(self) -> str:
        """Whichever is given."""
        return self.deny or self.warn or ""


class WaiverKeys(Part):
    """Somebody answers for a finding until a day. An expired waiver waives nothing and is a warning itself."""

    rule: Text
    """The rule's name; `*` stands for any text."""

    address: str = "*"
    """Addresses of the resources; `*` stands for any text. What concerns the environment as a whole has the empty address."""

    reason: Text
    """Why it may be so."""

    owner: Text
    """Who answers for it."""

    expires: Day
    """The last day on which it is valid (UTC), such as 2026-12-31."""

    @property
    def waiver(self) -> finding.Waiver:
        return finding.Waiver(self.rule, self.reason, self.owner, self.expires, self.address)


class Scanner(StrEnum):
    """Scanners that are no part of Baton."""

    CHECKOV = "checkov"


class ScannerKeys(Part):
    """A scanner to ask too. It is installed in an environment of its own; where it is not found, that is an error."""

    name: Scanner
    """Which one. `checkov` is found by the setting `BATON_CHECKOV`, else on PATH."""

    level: Level = Level.ADVISORY
    """How much its findings bind: scanners find much."""

    checks: tuple[Text, ...] = ()
    """Ids of the checks that it makes, such as CKV_AWS_20. Default: all."""


class Policy(Part):
    """By what an environment is judged before it is changed. A file of `files` has the same keys."""

    rules: Rules = Rules()
    """Baton's own rules, by name, with their parameters."""

    cel: tuple[CelRule, ...] = ()
    """Rules of one line."""

    rego: tuple[PolicyPath, ...] = ()
    """Rego files, or folders of them, relative to this file: `deny`, `violation` and `warn` as conftest reads them."""

    python: tuple[Text, ...] = ()
    """Names of installed entry points of the group `baton.policies`."""

    scanners: tuple[ScannerKeys, ...] = ()
    """Scanners to ask too."""

    files: tuple[PolicyPath, ...] = ()
    """Other policies, relative to this file. They are judged by too: nothing here makes one of their rules weaker."""

    waivers: tuple[WaiverKeys, ...] = ()
    """What is let pass, by whom, why and until when."""
