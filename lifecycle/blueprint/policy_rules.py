"""The parameters of the built-in policy rules, one class for each. What the rules do with them is in `lifecycle.policy`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictInt,
    WithJsonSchema,
    model_validator,
)

from lifecycle.blueprint.probes import Part
from lifecycle.blueprint.scalars import Duration, PortNumber, Text, describe, wrong
from lifecycle.policy.finding import Level


def _some(given: tuple[str, ...]) -> tuple[str, ...]:
    if not given:
        raise wrong("found an empty list", "at least one")
    return given


def _amount(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return Decimal(str(value))
    raise wrong(f"found {describe(value)}", "an amount of money: a number from 0")


Texts = Annotated[tuple[Text, ...], AfterValidator(_some)]
Count = Annotated[StrictInt, Field(ge=0)]
Percent = Annotated[StrictInt, Field(ge=0, le=100)]
Amount = Annotated[
    Decimal,
    PlainValidator(_amount),
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number", "minimum": 0}),
]


class RuleKeys(Part):
    """What every rule has."""

    level: Level = Level.MANDATORY
    """`advisory` only warns; `overridable` may be let pass by an approver, which is recorded; `mandatory` by nobody."""


class EncryptionAtRest(RuleKeys):
    """Buckets, volumes and databases are encrypted."""


class NoPublicBucket(RuleKeys):
    """No bucket can be read by everybody: all four public access blocks are on, and no ACL is public."""


class PublicIngress(RuleKeys):
    """Only these ports are open to the whole internet."""

    ports: tuple[PortNumber, ...] = ()
    """The ports that may be open to everybody, by IPv4 and IPv6."""


class AllowedSubnets(RuleKeys):
    """Instances stand in these subnets only."""

    subnets: tuple[Text, ...] = ()
    """Ids of subnets; `*` stands for any text."""

    own: StrictBool = False
    """Whether subnets that the environment makes itself are allowed too."""


class AllowedVpcs(RuleKeys):
    """Instances, subnets and security groups stand in these VPCs only."""

    vpcs: tuple[Text, ...] = ()
    """Ids of VPCs; `*` stands for any text."""

    own: StrictBool = False
    """Whether VPCs that the environment makes itself are allowed too."""


class InstanceTypes(RuleKeys):
    """Instances have one of these types."""

    allow: Texts
    """Types such as `t3.micro`; `*` stands for any text: `t3.*`."""


class Images(RuleKeys):
    """Instances are made from one of these images."""

    allow: Texts
    """Ids of images (AMIs); `*` stands for any text."""


class RequiredTags(RuleKeys):
    """Everything that can carry tags carries these, those of the provider's defaults included."""

    tags: Texts
    """Keys of tags."""

    ignore: tuple[Text, ...] = ()
    """Types of resources that need none; `*` stands for any text."""


class VersionPins(RuleKeys):
    """Nothing is taken in whatever version is the newest today."""

    providers: StrictBool = True
    """Whether every provider needs a version with an upper bound (`~> 5.0`, `= 5.1.2`, `< 6`)."""

    modules: StrictBool = True
    """Whether every module that is not local needs a version with an upper bound, or a `ref` if it comes from git."""

    packages: StrictBool = True
    """Whether every package that a playbook installs needs a version; `state: latest` is none."""


class MaxInstances(RuleKeys):
    """The environment has no more instances than this."""

    limit: Count
    """The most instances, those that groups may grow to included."""


class MaxMonthlyCost(RuleKeys):
    """The environment costs no more than this."""

    limit: Amount
    """The most that a month may cost, in the price catalogue's currency."""


class MaxLease(RuleKeys):
    """The environment has a lease, and it is no longer than this."""

    limit: Duration
    """The longest lease."""


class NoPlaintextSecret(RuleKeys):
    """No secret stands in user data, in a stack's variables or in an input."""

    ignore: tuple[Text, ...] = ()
    """Names of variables and inputs that look like secrets and are none; `*` stands for any text."""


class BlastRadius(RuleKeys):
    """No change destroys or replaces more than this at once. A teardown is not looked at."""

    hosts: Count | None = None
    """The most hosts."""

    percent: Percent | None = None
    """The most hosts, as a part of those that the environment has."""

    resources: Count | None = None
    """The most resources of any type."""

    @model_validator(mode="after")
    def _some_limit(self) -> BlastRadius:
        if self.hosts is None and self.percent is None and self.resources is None:
            raise wrong("found no limit", "hosts, percent or resources")
        return self


class PlaybookModules(RuleKeys):
    """Tasks use these Ansible modules only."""

    allow: tuple[Text, ...] = ()
    """Modules that may be used; `*` stands for any text. Default: all that are not denied."""

    deny: tuple[Text, ...] = ()
    """Modules that may not be used; `shell` and `ansible.builtin.shell` are the same."""

    @model_validator(mode="after")
    def _some_modules(self) -> PlaybookModules:
        if not self.allow and not self.deny:
            raise wrong("found no module", "allow or deny")
        return self


class PlaybookBecome(RuleKeys):
    """Tasks become another user only in these playbooks."""

    playbooks: tuple[Text, ...] = ()
    """Playbooks in which tasks may use `become`, as the blueprint names them; `*` stands for any text."""


class PlaybookNoLog(RuleKeys):
    """A task that uses a secret variable has `no_log: true`."""


class Rules(Part):
    """Baton's own rules: those that are named here are judged by, the others are not."""

    encryption_at_rest: EncryptionAtRest | None = Field(None, alias="encryption-at-rest")
    """Buckets, volumes and databases are encrypted."""

    no_public_bucket: NoPublicBucket | None = Field(None, alias="no-public-bucket")
    """No bucket can be read by everybody."""

    public_ingress: PublicIngress | None = Field(None, alias="public-ingress")
    """Only some ports are open to the whole internet."""

    allowed_subnets: AllowedSubnets | None = Field(None, alias="allowed-subnets")
    """Instances stand in some subnets only."""

    allowed_vpcs: AllowedVpcs | None = Field(None, alias="allowed-vpcs")
    """Instances, subnets and security groups stand in some VPCs only."""

    instance_types: InstanceTypes | None = Field(None, alias="instance-types")
    """Instances have one of some types."""

    images: Images | None = None
    """Instances are made from one of some images."""

    required_tags: RequiredTags | None = Field(None, alias="required-tags")
    """Everything that can carry tags carries some."""

    version_pins: VersionPins | None = Field(None, alias="version-pins")
    """Providers, modules and packages have a version."""

    max_instances: MaxInstances | None = Field(None, alias="max-instances")
    """The environment has no more than so many instances."""

    max_monthly_cost: MaxMonthlyCost | None = Field(None, alias="max-monthly-cost")
    """The environment costs no more than so much."""

    max_lease: MaxLease | None = Field(None, alias="max-lease")
    """The environment's lease is no longer than this."""

    no_plaintext_secret: NoPlaintextSecret | None = Field(None, alias="no-plaintext-secret")
    """No secret stands where many can read it."""

    blast_radius: BlastRadius | None = Field(None, alias="blast-radius")
    """No change destroys more than so much at once."""

    playbook_modules: PlaybookModules | None = Field(None, alias="playbook-modules")
    """Tasks use some Ansible modules only."""

    playbook_become: PlaybookBecome | None = Field(None, alias="playbook-become")
    """Tasks become another user in some playbooks only."""

    playbook_no_log: PlaybookNoLog | None = Field(None, alias="playbook-no-log")
    """Tasks that use a secret say nothing of it."""

    @model_validator(mode="before")
    @classmethod
    def _named_is_asked(cls, data: Any) -> Any:
        """A rule that is named with nothing behind it is asked for: `no-public-bucket:` must not switch it off."""
        return {name: {} if keys is None else keys for name, keys in data.items()} if isinstance(data, dict) else data

    @property
    def asked(self) -> dict[str, RuleKeys]:
        """The rules that are named, by name, with their parameters."""
        found: dict[str, Any] = {
            field.alias or name: getattr(self, name) for name, field in type(self).model_fields.items()
        }
        return {name: keys for name, keys in found.items() if keys is not None}
