"""The approval of a blueprint: when somebody must agree before anything is made, changed or destroyed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool

from lifecycle import approval
from lifecycle.blueprint.probes import Part
from lifecycle.blueprint.scalars import Amount, Between, Duration, Text

_BUILT_IN = approval.ApprovalRules()


class Approval(Part):
    """When somebody must agree to a preview before it is carried out. Every condition alone is enough."""

    environments: tuple[Text, ...] = _BUILT_IN.environments
    """Which environments the other conditions are about, as globs over their names (`prod-*`)."""

    always: StrictBool = False
    """Every change needs an approval."""

    destroys: StrictBool = True
    """Where something is destroyed for good."""

    replaces: StrictBool = True
    """Where something is destroyed and made again."""

    policy: StrictBool = True
    """Where a rule is broken that an approver may overrule, in every environment."""

    cost_increase: Amount | None = None
    """Where it costs more than this a month more than now."""

    hosts: Annotated[int, Between(0, 10**6, "a number of hosts")] | None = None
    """Where more hosts than this are destroyed or replaced."""

    share: Annotated[int, Between(0, 100, "per cent")] | None = None
    """Where more than this many per cent of the hosts are destroyed or replaced."""

    by: Annotated[tuple[Text, ...], Field(min_length=1)] = _BUILT_IN.by
    """Who may approve, as globs over the names of users."""

    count: Annotated[int, Between(1, 100, "a number of approvers")] = _BUILT_IN.count
    """How many of them must."""

    valid: Duration = _BUILT_IN.valid
    """How long an approval is good."""

    auto: StrictBool = False
    """Whether `--auto-approve` is enough, as a pipeline gives it."""

    @property
    def rules(self) -> approval.ApprovalRules:
        return approval.ApprovalRules(**{name: getattr(self, name) for name in Approval.model_fields})
