"""Findings for people."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lifecycle.policy.finding import Decision, Finding, Verdict, decide
from lifecycle.report.words import counted

MARKS: Final = {
    Verdict.ALLOW: "✓",
    Verdict.WAIVED: "○",
    Verdict.WARN: "!",
    Verdict.UNKNOWN: "?",
    Verdict.DENY: "✗",
}


def findings_text(findings: Sequence[Finding], overridden: Iterable[str] = ()) -> Iterator[str]:
    """Findings as lines, the worst first: what, where, what to do; then what follows from all of them."""
    for finding in sorted(findings, key=lambda one: -one.verdict.weight):  # stable: the order within a verdict stays
        yield from _lines(finding)
    yield summary(decide(findings, overridden))


def summary(decision: Decision) -> str:
    """`policy: 1 denied, 2 need approval`, or that nothing is wrong."""
    told = (
        (len(decision.denied), "denied"),
        (len(decision.needs_approval), "to be approved"),
        (len(decision.overridden), "approved"),
        (len(decision.warnings), "warned of"),
        (len(decision.unknown), "not known yet"),
        (len(decision.waived), "waived"),
    )
    return "policy: " + (", ".join(f"{count} {word}" for count, word in told if count) or "nothing to say")


def _lines(finding: Finding) -> Iterator[str]:
    place = f" {finding.address}" if finding.address else ""
    stack = f" in {finding.stack}" if finding.stack else ""
    where = f"  {finding.where}" if finding.where else ""
    level = f" ({finding.level})" if finding.verdict is Verdict.DENY else ""
    yield f"{MARKS[finding.verdict]} {finding.verdict}{level} {finding.rule}:{place}{stack}{where}"
    yield f"    {finding.message}"
    if finding.cure and finding.verdict is not Verdict.WAIVED:
        yield f"    {finding.cure}"
    if finding.waiver:
        yield f"    waived by {finding.waiver.owner} until {finding.waiver.expires.isoformat()}: {finding.waiver.reason}"


def cases_text(files: int, cases: int, wrong: int) -> str:
    """How a test of cases ended."""
    return f"{counted(cases, 'case')} in {counted(files, 'file')}: {wrong or 'none'} wrong"
