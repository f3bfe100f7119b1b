"""Findings: what follows from them, and what a waiver does."""

from datetime import date, timedelta

import pytest

from lifecycle.policy.finding import Decision, Finding, Level, Verdict, Waiver, decide, in_order, refusal, waive
from lifecycle.report.fields import findings_fields
from lifecycle.report.policy import MARKS, findings_text

TODAY = date(2026, 6, 1)


def finding(verdict: Verdict = Verdict.DENY, level: Level = Level.MANDATORY, address: str = "aws_x.y[0]") -> Finding:
    return Finding("rule", verdict, level, "web", address, "is wrong", "main.tf:3", cure="mend it")


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("verdict", Verdict)
def test_every_finding_is_in_one_part_of_a_decision(verdict: Verdict, level: Level) -> None:
    decision = decide([finding(verdict, level)])
    parts = [getattr(decision, name) for name in Decision.__slots__]
    assert sum(map(len, parts)) == (verdict is not Verdict.ALLOW)
    assert decision.may_go_on == (verdict is not Verdict.DENY)


def test_an_approver_lets_pass_what_is_overridable_and_nothing_else() -> None:
    may, must = finding(level=Level.OVERRIDABLE), finding(address="aws_x.z")
    decision = decide([may, must], [may.key, must.key])
    assert (decision.overridden, decision.denied, decision.needs_approval) == ((may,), (must,), ())
    assert decide([may]).needs_approval == (may,)


@pytest.mark.parametrize("level", Level)
def test_an_advisory_rule_only_warns(level: Level) -> None:
    assert refusal(level) is (Verdict.WARN if level is Level.ADVISORY else Verdict.DENY)


def waiver(expires: date = TODAY, address: str = "aws_x.y[0]", rule: str = "rule") -> Waiver:
    return Waiver(rule, "moved next month", "platform@example.com", expires, address)


def test_a_waiver_holds_until_the_end_of_its_day() -> None:
    (waived,) = waive([finding()], [waiver()], TODAY)
    assert (waived.verdict, waived.waiver) == (Verdict.WAIVED, waiver())
    told = waive([finding()], [waiver()], TODAY + timedelta(days=1))
    assert {one.verdict for one in told} == {Verdict.DENY, Verdict.WARN}


@pytest.mark.parametrize("address", ["*", "aws_x.*", "*[0]", "aws_x.y[0]"])
def test_only_the_star_is_special_in_an_address(address: str) -> None:
    assert waiver(address=address).covers(finding())
    assert not waiver(address=address).covers(finding(address="aws_z.yy")) or address == "*"


def test_the_order_depends_on_the_findings_alone_and_the_strongest_of_equals_stays() -> None:
    weak, strong = finding(Verdict.WARN, Level.ADVISORY), finding()
    other = finding(address="aws_a.a")
    assert in_order([strong, other, weak]) == in_order([weak, strong, other]) == (other, strong)


def test_every_verdict_has_a_mark_and_weights_are_in_order() -> None:
    assert set(MARKS) == set(Verdict)
    assert [verdict.weight for verdict in Verdict] == [0, 1, 2, 3, 4]
    assert [level.weight for level in Level] == [0, 1, 2]


def test_findings_are_told_to_people_and_to_programs() -> None:
    found = waive([finding(), finding(Verdict.UNKNOWN, address="b.b")], [waiver(address="b.b")], TODAY)
    assert list(findings_text(found)) == [
        "✗ deny (mandatory) rule: aws_x.y[0] in web  main.tf:3",
        "    is wrong",
        "    mend it",
        "○ waived rule: b.b in web  main.tf:3",
        "    is wrong",
        "    waived by platform@example.com until 2026-06-01: moved next month",
        "policy: 1 denied, 1 waived",
    ]
    told = findings_fields(found)
    assert (told["denied"], told["waived"]) == (1, 1)
    assert told["findings"][1]["waiver"]["expires"] == "2026-06-01"
