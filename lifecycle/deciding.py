"""Deciding a check: when it has passed, when it has failed, and when it is looked at again.

A check here is looked at until it is decided, once, like Kubernetes' startup probe (not for ever, like a liveness probe):

- it **passes** at `success_threshold` successes in a row;
- it **fails** at `failure_threshold` failures in a row, or at the `deadline`, whichever comes first. So `deadline` is
  how long patience lasts, and `failure_threshold` how many failures in a row end it early: a service that may need a
  minute to start wants a `failure_threshold` of at least a minute's worth of periods;
- `initial_delay` passes before the first look, and counts against the deadline;
- `period` is from the start of one look to the start of the next; a look that takes longer is followed by the next at once;
- `timeout` bounds one look as a whole (connecting, TLS and the answer), and so does what is left of the deadline;
- no look is begun, and no period waited for, that would start at or after the deadline.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from lifecycle.ports import Cancelled, Clock
from lifecycle.verification import Attempt, Check, CheckResult, Thresholds


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one check from one origin."""

    passed: bool
    reason: str  # why it ended, in words
    attempts: int
    last: Attempt | None = None  # None when the deadline came before the first look
    facts: Mapping[str, Any] = field(default_factory=dict)  # of the last attempt


def until_decided(
    thresholds: Thresholds,
    attempt: Callable[[float], tuple[Attempt, Mapping[str, Any]]],
    *,
    clock: Clock,
    sleep: Callable[[float], bool],
    patience: timedelta,
) -> Decision:
    """Attempt until the thresholds or the patience (a deadline, at most the check's own) decide.

    `attempt` gets the seconds it may take, and gives what it saw with facts for programs. `sleep` answers True when the run
    was cancelled meanwhile: raises Cancelled.
    """
    limit = min(patience, thresholds.deadline)
    end = clock.monotonic() + limit.total_seconds()
    successes = failures = attempts = 0
    last: Attempt | None = None
    facts: Mapping[str, Any] = {}
    start = clock.monotonic() + thresholds.initial_delay.total_seconds()
    while start < end:
        if sleep(max(0.0, start - clock.monotonic())):
            raise Cancelled("the check was cancelled")
        now = clock.monotonic()
        if now >= end:
            break
        attempts += 1
        last, facts = attempt(min(thresholds.timeout.total_seconds(), end - now))
        successes, failures = (successes + 1, 0) if last.passed else (0, failures + 1)
        if successes >= thresholds.success_threshold:
            return Decision(True, last.detail, attempts, last, facts)
        if failures >= thresholds.failure_threshold:
            in_a_row = f"failed {failures} times in a row: " if failures > 1 else ""
            return Decision(False, f"{in_a_row}{last.detail}", attempts, last, facts)
        start = max(now + thresholds.period.total_seconds(), clock.monotonic())
    return Decision(False, _given_up(limit, last), attempts, last, facts)


def concluded(check: Check, decisions: Mapping[str, Decision]) -> CheckResult:
    """What a check found, from the decision of each of its origins: it passed when it did from all of them."""
    failed = {name: decision for name, decision in decisions.items() if not decision.passed}
    return CheckResult(
        check=check.name,
        passed=not failed,
        summary=_summary(decisions, failed),
        evidence=tuple(decision.last for decision in decisions.values() if decision.last),
        attempts=sum(decision.attempts for decision in decisions.values()),
        facts={name: dict(decision.facts) for name, decision in decisions.items()},
    )


def _summary(decisions: Mapping[str, Decision], failed: Mapping[str, Decision]) -> str:
    name, first = next(iter((failed or decisions).items()))
    if len(decisions) == 1:
        return first.reason
    if not failed:
        return f"passed from all of {len(decisions)}, e.g. from {name}: {first.reason}"
    return f"failed from {len(failed)} of {len(decisions)} ({', '.join(failed)}), e.g. from {name}: {first.reason}"


def _given_up(limit: timedelta, last: Attempt | None) -> str:
    waited = f"{limit.total_seconds():g} s"
    if last is None:
        return f"not looked at: the deadline of {waited} came before the first look"
    if last.passed:
        return f"not enough successes in a row within {waited}; the last look was good: {last.detail}"
    return f"not within {waited}: {last.detail}"
