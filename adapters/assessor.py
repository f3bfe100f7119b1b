"""What is planned, judged by a blueprint's policy and reckoned by its prices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from adapters.policy.policies import PolicyEngine, engine
from adapters.prices.catalogue import price_book
from adapters.settings import Settings
from lifecycle.blueprint.model import Blueprint
from lifecycle.blueprint.references import ReferenceUnresolved
from lifecycle.cost import Budget, Estimate, PriceBook, estimate, overruns
from lifecycle.plan import Plan
from lifecycle.policy.facts import Facts, Pin, Playbook, StackFacts
from lifecycle.policy.finding import Finding, Level, Verdict
from lifecycle.preview.drawing import previewed_plans
from lifecycle.report.cost import overrun_words
from lifecycle.sensitive import contains_sensitive, mask
from lifecycle.view import View

BUDGET: Final = "budget"
"""The rule that `cost.max_monthly` and `cost.max_increase` amount to: an approver may let more pass."""


@dataclass(frozen=True, slots=True)
class BlueprintAssessor:
    """The Assessor port over one blueprint. `pins` reads the versions that a stack's module asks for."""

    blueprint: Blueprint
    rules: PolicyEngine
    prices: PriceBook
    pins: Callable[[Path], tuple[Pin, ...]]
    today: Callable[[], date]

    def findings(self, view: View, estimate: Estimate | None) -> Sequence[Finding]:
        """Raises PolicyBroken where a rule cannot be judged by."""
        found = () if self.rules.empty else self.rules.judge(self._facts(view, estimate))
        return (*found, *self._budget(estimate))

    def estimate(self, plans: Mapping[str, Plan]) -> Estimate | None:
        """Of every stack of the blueprint; one without a plan is named as not planned."""
        known = {name: plans[name] for name in self.blueprint.stacks if name in plans and plans[name].fidelity.tells}
        return estimate(known, self.prices, [name for name in self.blueprint.stacks if name not in known])

    def _budget(self, found: Estimate | None) -> Iterator[Finding]:
        cost = self.blueprint.cost
        if cost is None or found is None:
            return
        for overrun in overruns(found, Budget(cost.max_monthly, cost.max_increase)):
            words = overrun_words(overrun, found.currency)
            cure = "make it smaller, raise the limit, or have it approved"
            yield Finding(BUDGET, Verdict.DENY, Level.OVERRIDABLE, message=words, cure=cure)

    def _facts(self, view: View, found: Estimate | None) -> Facts:
        desired, lease = view.desired, self.blueprint.lease
        plans = previewed_plans(view)
        return Facts(
            today=self.today(),
            environment=str(desired.ref),
            stacks=tuple(
                StackFacts(name, plans.get(name), str(s.source), self.pins(s.source), mask(dict(view.inputs_of(s)[0])))
                for name, s in desired.stacks.items()
            ),
            inputs=mask(dict(desired.inputs)),
            playbooks=tuple(
                Playbook(str(step.playbook), frozenset(_secret(step.variables, view)), step.name)
                for step in desired.configure.values()
            ),
            monthly_cost=found.total.after if found and found.complete else None,
            currency=found.currency if found else "USD",
            leased=lease is not None,
            lease=lease.ttl if lease else None,
            hosts=len(view.observed.standing),
        )


def assessor(
    blueprint: Blueprint,
    folder: Path,
    settings: Settings,
    *,
    roles: Sequence[Path],
    pins: Callable[[Path], tuple[Pin, ...]],
    today: Callable[[], date],
    cloud_region: str = "",
) -> BlueprintAssessor:
    """The assessor of a blueprint in a folder. Raises PolicyBroken, PricesInvalid, PricesMissing."""
    rules = engine(blueprint.policy, folder, roles=roles, scanner=settings.checkov)
    prices = price_book(settings, folder, blueprint.cost, cloud_region=cloud_region)
    return BlueprintAssessor(blueprint, rules, prices, pins, today)


def judged(blueprint: Blueprint, folder: Path, settings: Settings) -> None:
    """Read everything that a blueprint is judged and reckoned by. Raises PolicyBroken, BlueprintInvalid, PricesInvalid, PricesMissing."""
    engine(blueprint.policy, folder, scanner=settings.checkov)
    if blueprint.cost and blueprint.cost.prices:
        price_book(settings, folder, blueprint.cost)


def _secret(variables: Mapping[str, Any], view: View) -> Iterator[str]:
    """Names of a step's variables that hold a secret: one of its inputs, or a sensitive output."""
    for name, template in variables.items():
        try:
            if contains_sensitive(view.foreseen(template)):
                yield name
        except ReferenceUnresolved:  # not known yet: what it will be is judged when it is
            continue
