"""What is written down of a step: records for the journal, entries for the ledger, words for people. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from lifecycle.desired import Goal
from lifecycle.environment import EnvironmentRef
from lifecycle.journal import Journal, Kind, Outcome, Record, Status, Step, subjects
from lifecycle.ledger import Draft
from lifecycle.view import View

JUDGEMENTS: Final = frozenset({Kind.REVIEW, Kind.JUDGE})
"""What only looks, and belongs into the ledger: why something was carried out, or not."""


def intents(step: Step, run: int, at: datetime) -> list[Record]:
    """What must be in the store before a step acts. Nothing for one that only looks."""
    return [Record(step.kind, s, d, run, at) for s, d in subjects(step)] if step.kind.acts else []


def outcomes(outcome: Outcome, run: int, begun: datetime, at: datetime) -> list[Record]:
    """How a step ended; a batch host by host."""
    rows = zip(subjects(outcome.step), _statuses(outcome), _details(outcome), strict=True)
    kind, message = outcome.step.kind, outcome.message
    return [Record(kind, s, d, run, begun, at, status, message, detail) for (s, d), status, detail in rows]


def closed(journal: Journal, run: int, at: datetime) -> list[Record]:
    """The ends of intents that dead runs left open, when a whole run has looked and found nothing left to do there."""
    message = f"interrupted; run {run} looked, and nothing was left to do"
    return [
        Record(r.kind, r.subject, r.input_digest, r.run, r.intended_at, at, Status.CANCELLED, message, r.detail)
        for r in journal.unknown
    ]


def drafts(outcome: Outcome, ref: EnvironmentRef, run: int, at: datetime) -> list[Draft]:
    """A ledger entry for every step that changed the world, or tried to, and for the proof of a teardown."""
    step = outcome.step
    if not (step.kind.acts or step.kind is Kind.PROVE or (step.kind in JUDGEMENTS and outcome.detail)):
        return []
    data: dict[str, Any] = {
        "run": run,
        "step": step.key,
        "digest": step.input_digest,
        "status": outcome.status.value,
        "message": outcome.message,
    }
    if step.kind in JUDGEMENTS:
        data |= outcome.detail
    if "certificate" in outcome.detail:
        data["certificate"] = outcome.detail["certificate"]
    return [Draft("baton.step.finished", str(ref), at, data)]


def teardown_done(view: View, now: datetime) -> Iterator[Draft]:
    """The ledger entry of a teardown whose time had come, once it is complete: when it was due, and how many seconds ago."""
    desired = view.desired
    if desired.goal is Goal.DOWN and view.complete and desired.due_at is not None:
        late = (now - desired.due_at).total_seconds()
        data = {"due": desired.due_at.isoformat(), "late": late, "because": desired.because}
        yield Draft("baton.teardown.done", str(desired.ref), now, data)


def title(step: Step, view: View) -> str:
    """What a person calls a step: hosts by name."""
    hosts = view.observed.hosts
    if step.kind is Kind.AWAIT and step.subject in hosts:
        return f"await {hosts[step.subject].name}"
    if step.kind.on_hosts:
        names = ", ".join(sorted(hosts[i].name if i in hosts else i for i, _ in step.hosts))
        if step.kind is not Kind.DRAIN:
            return f"{step.kind} {step.subject} on {names}"
        return f"drain {', '.join(_leaving(step, view))} from {step.subject} on {names}"
    return f"{step.kind} {step.subject}"


def _leaving(step: Step, view: View) -> list[str]:
    standing = view.observed.standing
    return sorted(standing[i].name if i in standing else i for i in step.leaving)


def failure_words(failures: Iterable[Outcome], view: View) -> str:
    """Why a run did not get there, in one line; empty when it did."""
    if view.complete:
        return ""
    words = [f"{title(o.step, view)}: {o.message}" for o in failures]
    words = words or [*unmatched(view), *waiting(view)] or ["nothing more can be done"]
    return words[0] if len(words) == 1 else f"{words[0]} (and {len(words) - 1} more)"


def unmatched(view: View) -> Iterator[str]:
    """Configure steps and checks that are for hosts, and for which there is none."""
    if view.desired.goal is not Goal.UP:
        return
    targets = [(f"configure {c.name}", c.selector) for c in view.desired.configure.values()]
    targets += [(f"check {c.name}", c.selector) for c in view.desired.checks.values() if c.selector]
    for what, selector in targets:
        if view.final(selector) and not view.matching(selector):
            yield f"{what}: no host matches {selector}"


def waiting(view: View) -> Iterator[str]:
    """Checks that were never looked at, and what each waits for."""
    for check in view.desired.checks.values() if view.desired.goal is Goal.UP else ():
        steps = [f"configure {s}" for s in sorted(check.steps) if not view.step_complete(s)]
        checks = [f"check {c}" for c in sorted(check.checks) if not view.check_passed(c)]
        if check.name not in view.observed.checks and (steps or checks):
            yield f"check {check.name} waits for {', '.join([*steps, *checks])}"


def _statuses(outcome: Outcome) -> Iterable[Status]:
    if not outcome.step.kind.on_hosts:
        return [outcome.status]
    bad = Status.FAILED if outcome.status is Status.OK else outcome.status
    return [Status.OK if host_id in outcome.good_hosts else bad for host_id, _ in outcome.step.hosts]


def _details(outcome: Outcome) -> Iterable[Mapping[str, Any]]:
    if not outcome.step.kind.on_hosts:
        return [outcome.detail]
    hosts = outcome.detail.get("hosts", {})
    return [hosts.get(host_id, {}) for host_id, _ in outcome.step.hosts]
