"""The built-in rules, by cases as data: compliant, violating, unknown, waived. `baton policy test` reads the same files."""

import json
from datetime import date
from pathlib import Path

import pytest

from adapters.policy.policies import engine
from lifecycle.policy.cases import Case, Cases, compare, read_cases
from lifecycle.policy.finding import Finding, Verdict, fields, in_order
from lifecycle.policy.registry import RULES

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*_test.yaml"))
TODAY = date(2026, 6, 1)

NEVER_UNKNOWN = {"version-pins", "blast-radius", "playbook-modules", "playbook-become", "playbook-no-log"}
"""Rules over what is always known: the configuration, playbooks, actions of a plan."""


def read(path: Path) -> tuple[Cases, list[tuple[Case, dict[str, int]]]]:
    cases, lines = read_cases(path.read_text(encoding="utf-8"), path.name)
    return cases, [(case, dict(at)) for case, at in zip(cases.cases, lines, strict=True)]


def judged(cases: Cases, case: Case) -> tuple[Finding, ...]:
    return engine(cases.policy, HERE).judge(case.facts(TODAY))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem.removesuffix("_test"))
def test_the_rules_say_exactly_what_the_cases_expect(path: Path) -> None:
    cases, each = read(path)
    wrong = [mismatch for case, at in each for mismatch in compare(case, at, judged(cases, case))]
    assert wrong == []


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_case_that_keeps_it_breaks_it_leaves_it_open_and_waives_it(rule: str) -> None:
    shown: set[Verdict] = set()
    for path in FILES:
        cases, each = read(path)
        if rule in cases.policy.rules.asked:
            shown |= {Verdict.ALLOW} if any(not case.expect for case, _ in each) else set()
            shown |= {expected.verdict for case, _ in each for expected in case.expect if expected.rule == rule}
    needed = {Verdict.ALLOW, Verdict.DENY, Verdict.UNKNOWN, Verdict.WAIVED}
    assert needed - shown <= ({Verdict.UNKNOWN} if rule in NEVER_UNKNOWN else set())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem.removesuffix("_test"))
def test_findings_come_in_one_order_and_can_be_written_as_json(path: Path) -> None:
    cases, each = read(path)
    for case, _ in each:
        found = judged(cases, case)
        assert found == in_order(reversed(found)) == judged(cases, case)
        assert json.loads(json.dumps([fields(finding) for finding in found]))[: len(found)] == [
            fields(f) for f in found
        ]


def test_no_message_holds_a_secret() -> None:
    cases, each = read(HERE / "no-plaintext-secret_test.yaml")
    told = repr([judged(cases, case) for case, _ in each])
    for secret in ("AKIA", "hunter2", "abcdefgh", "kJ8sD2", "abc'"):
        assert secret not in told
