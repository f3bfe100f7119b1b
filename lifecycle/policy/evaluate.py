"""Rules + facts → findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lifecycle.blueprint.policy_rules import RuleKeys
from lifecycle.policy.facts import Facts
from lifecycle.policy.finding import Finding, Level, Verdict, Waiver, refusal, waive
from lifecycle.policy.planned import Planned, Remark
from lifecycle.policy.registry import RULES

NOT_PLANNED = "not-planned"
"""The rule in whose name a stack without a plan is told: its resources are judged when it has one."""


def evaluate(
    rules: Mapping[str, RuleKeys], facts: Facts, waivers: Sequence[Waiver] = (), planned: Planned | None = None
) -> tuple[Finding, ...]:
    """What the built-in rules say of the facts, in an order that depends on nothing else.

    The same function judges again after apply: by facts in which what was unknown is known. `planned` spares reading the
    plans again where several sets of rules judge the same facts.
    """
    planned = planned or Planned(facts)
    found = [
        _finding(name, keys, remark) for name, keys in rules.items() for remark in RULES[name].judge(keys, planned)
    ]
    return waive([*found, *(not_planned(rules, planned) if rules else ())], waivers, facts.today)


def not_planned(rules: Mapping[str, RuleKeys], planned: Planned) -> Iterator[Finding]:
    """A finding for every stack that has no plan, with the strongest level of the rules that wait for one."""
    level = max((keys.level for keys in rules.values()), key=lambda one: one.weight, default=Level.MANDATORY)
    for stack in planned.not_planned:
        message = "it is not planned yet: its resources are judged when it is"
        yield Finding(NOT_PLANNED, Verdict.UNKNOWN, level, stack, message=message)


def _finding(name: str, keys: RuleKeys, remark: Remark) -> Finding:
    return Finding(
        rule=name,
        verdict=Verdict.UNKNOWN if remark.unknown else refusal(keys.level),
        level=keys.level,
        stack=remark.stack,
        address=remark.address,
        message=remark.message,
        where=remark.where,
        cure=remark.cure,
    )
