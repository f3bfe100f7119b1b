"""Judges what an apply made, where the review before it could not: a value that decides was not known yet."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lifecycle.desired import Governance
from lifecycle.errors import ExitCode
from lifecycle.journal import Outcome, Status, Step
from lifecycle.observed import Judged
from lifecycle.plan import Plan
from lifecycle.policy.finding import Finding, Level, Verdict, decide, denial
from lifecycle.ports import Assessor
from lifecycle.preview.drawing import previewed_plans
from lifecycle.view import View


def judged(step: Step, view: View, known: Plan, assessor: Assessor) -> Outcome:
    """Fine where nothing is denied that nobody has let pass. `known` is the applied plan with the values that came of it."""
    seen = view.later(view.journal, replace(view.observed, known={**view.observed.known, step.subject: known}))
    findings = assessor.findings(seen, assessor.estimate(previewed_plans(seen)))
    decision = decide(findings, _let_pass(view, findings))
    wrong = (*decision.denied, *decision.needs_approval)
    detail = _detail(step.subject, view, findings)
    if wrong:
        words, hint = denial(wrong, "what was made is"), _next(wrong[0], view)
        code = ExitCode.POLICY_DENIED
        return Outcome(step, Status.FAILED, words, hint, Judged(known), detail | {"words": words}, exit_code=code)
    words = _decided(detail["decided"], [f for f in decision.unknown if f.stack in ("", step.subject)])
    return Outcome(step, Status.OK, words, result=Judged(known), detail=detail | {"words": words})


def _let_pass(view: View, findings: Sequence[Finding]) -> frozenset[str]:
    """Keys of what an approver has seen and let pass, or need not see."""
    governance = view.desired.governance or Governance()
    rules, reviewed = governance.approval, view.observed.reviewed
    if not rules.policy or (rules.auto and governance.auto):
        return frozenset(f.key for f in findings)
    return reviewed.preview.concerns if reviewed else frozenset()


def _next(first: Finding, view: View) -> str:
    ref = view.desired.ref
    ways = ["mend it and run `baton up` again", f"take it down: baton down {ref}"]
    if first.level is Level.OVERRIDABLE:
        ways.insert(1, "run `baton up` again as it is, which asks for an approval")
    stands = f"it could be judged only after the apply, and stands already: {', or '.join(ways)}"
    return f"{first.cure}\n{stands}" if first.cure else stands


def _detail(stack: str, view: View, findings: Sequence[Finding]) -> dict[str, Any]:
    """What journal and ledger keep of it."""
    reviewed = view.observed.reviewed
    asked = {f.key for f in reviewed.preview.undecided if f.stack in ("", stack)} if reviewed else set[str]()
    still = {f.key for f in findings if f.verdict is Verdict.UNKNOWN}
    bad = {f.key for f in findings if f.verdict in (Verdict.DENY, Verdict.WARN)}
    return {"decided": sorted(asked - still), "unknown": sorted(asked & still), "findings": sorted(bad)}


def _decided(keys: Sequence[str], unknown: Sequence[Finding]) -> str:
    words = f"{len(keys)} {'finding' if len(keys) == 1 else 'findings'} decided, nothing is denied"
    if not unknown:
        return words
    first, more = unknown[0], f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    return f"{words}; still not known: {first.rule}{f' on {first.address}' if first.address else ''}{more}"
