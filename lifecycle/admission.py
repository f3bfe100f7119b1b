"""Admission: whether a preview needs an approval, has one, and is still what was approved. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from lifecycle.approval import REVIEW, ApprovalRules, Decision, Review
from lifecycle.errors import BatonError, ExitCode
from lifecycle.preview import Preview


class ApprovalNeeded(BatonError):
    """Somebody must approve this first."""

    exit_code = ExitCode.APPROVAL_NEEDED


class PreviewStale(BatonError):
    """What was approved is not what would happen now."""

    exit_code = ExitCode.LOCKED


def asked(preview: Preview, rules: ApprovalRules, reasons: Sequence[str], at: datetime) -> Review:
    """The question that a preview raises."""
    return Review(
        digest=preview.digest,
        at=at,
        parts=preview.parts,
        reasons=tuple(reasons),
        envelope=preview.envelope,
        findings=tuple(sorted(preview.concerns)),
        ceiling=preview.monthly_cost,
        by=rules.by,
        valid=rules.valid,
        count=rules.count,
    )


def reasons(preview: Preview, rules: ApprovalRules) -> tuple[str, ...]:
    """Why this preview needs an approval; empty where it needs none. A broken rule asks in every environment."""
    why = list(_reasons(preview, rules)) if rules.concern(preview.ref.name) else []
    if rules.policy and preview.overridable:
        why.append(
            f"policy: {_some([f'{f.rule} on {f.address}' if f.address else f.rule for f in preview.overridable])}"
        )
    return tuple(why)


def _reasons(preview: Preview, rules: ApprovalRules) -> Iterator[str]:
    destroyed, replaced = preview.destroyed, preview.replaced
    if rules.always and preview.acts:
        yield "every change needs one"
    if rules.destroys and destroyed:
        yield f"destroys {_some(destroyed)}"
    if rules.replaces and replaced:
        yield f"replaces {_some(replaced)}"
    if rules.cost_increase is not None and (more := preview.cost_increase) is not None and more > rules.cost_increase:
        yield f"costs {more:.2f} a month more (allowed without: {rules.cost_increase})"
    lost, all_of_them = preview.hosts_lost
    if rules.hosts is not None and lost > rules.hosts:
        yield f"destroys or replaces {lost} of {all_of_them} hosts (allowed without: {rules.hosts})"
    if rules.share is not None and all_of_them and lost * 100 > rules.share * all_of_them:
        yield f"destroys or replaces {lost} of {all_of_them} hosts (allowed without: {rules.share} %)"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


@dataclass(frozen=True, slots=True)
class Admission:
    """Why a preview may be carried out; `review` is what the store remembers of it, None where nobody was asked."""

    words: str
    review: Review | None = None


def admit(
    preview: Preview, rules: ApprovalRules, known: Review | None, *, run: int, now: datetime, auto: bool = False
) -> Admission:
    """Whether a preview may be carried out now. Raises ApprovalNeeded or PreviewStale, with the question in its facts."""
    why = reasons(preview, rules)
    question = asked(preview, rules, why, now)
    if known is not None and known.admitted and not changed_sources(known, preview):
        if more := tuple(beyond(preview, known)):
            raise _needed(preview, question, [f"more than was approved: {_some(more)}"])
        return Admission("goes on with what was approved", replace(known, admitted=run))
    if not why:
        return Admission("no approval is needed")
    if auto and rules.auto:
        return Admission("approved by --auto-approve", replace(question, admitted=run))
    if known is None or not known.answers:
        raise _needed(preview, question, why)
    if known.digest != preview.digest:
        differences = ", ".join(changed_parts(known.parts, preview.parts)) or "its approval"
        raise PreviewStale(
            f"{preview.ref} was answered for the preview {known.digest[:12]}, and is not the same any more: {differences}",
            hint=f"look at it again: baton plan; then: baton approve {preview.ref} {preview.digest[:12]}",
            facts={"changed": list(changed_parts(known.parts, preview.parts)), REVIEW: question.fact},
        )
    return Admission(_granted(preview, known, rules, now), replace(known, admitted=run))


def _granted(preview: Preview, known: Review, rules: ApprovalRules, now: datetime) -> str:
    for answer in known.answers:
        if answer.decision is Decision.REJECTED:
            words = f"{preview.ref}: {answer.actor} rejected the preview {known.digest[:12]}: {answer.reason or 'no reason given'}"
            raise ApprovalNeeded(words, hint="change what is asked for, or talk to them", facts={REVIEW: known.fact})
    good = [a for a in known.answers if a.expires > now and rules.may_approve(a.actor)]
    if len(good) < rules.count:
        late = [a.actor for a in known.answers if a.expires <= now]
        why = [f"{len(good)} of {rules.count} approvals"] + ([f"expired: {', '.join(late)}"] if late else [])
        raise _needed(preview, known, why)
    return f"approved by {', '.join(a.actor for a in good)}"


def _needed(preview: Preview, review: Review, why: Iterable[str]) -> ApprovalNeeded:
    short = review.digest[:12]
    return ApprovalNeeded(
        f"{preview.ref} needs an approval of the preview {short}: {'; '.join(why)}",
        hint=f"look at it: baton plan; then: baton approve {preview.ref} {short}, and run it again",
        facts={REVIEW: review.fact},
    )


# --- what has changed since

SOURCES: Final = ("blueprint", "inputs", "module of ", "playbook of ")
"""Parts of a preview that no run changes: where they differ, somebody has changed what is asked for."""


def changed_parts(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the parts that differ, those that people change first."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return tuple(sorted(names, key=lambda name: (not name.startswith(SOURCES), name)))


def changed_sources(known: Review, preview: Preview) -> tuple[str, ...]:
    """Of these, what a person has changed."""
    return tuple(name for name in changed_parts(known.parts, preview.parts) if name.startswith(SOURCES))


def beyond(preview: Preview, approved: Review) -> Iterator[str]:
    """What a preview would do that is not within what was approved: addresses, findings, cost."""
    for stack, changes in preview.envelope.items():
        allowed = approved.envelope.get(stack, {})
        for address, action in changes.items():
            if allowed.get(address) != action:
                yield f"{action} {address} in stack {stack}"
    yield from (f"finding {key}" for key in sorted(preview.concerns - set(approved.findings)))
    cost = preview.monthly_cost
    if cost is not None and approved.ceiling is not None and cost > approved.ceiling:
        yield f"{cost:.2f} a month instead of {approved.ceiling:.2f}"
