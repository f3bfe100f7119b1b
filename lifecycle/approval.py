"""Approvals as values: when somebody must agree to a preview, what was asked, and what was answered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

from lifecycle.environment import Environment
from lifecycle.errors import BatonError, ExitCode
from lifecycle.ledger import Draft

REVIEW: Final = "review"
"""Among an environment's facts: the preview that somebody was asked to approve last, and what they answered."""
SHORTEST: Final = 6
"""Characters of a digest that must at least be said."""


class NothingToAnswer(BatonError):
    """Nobody has asked for an approval of this environment."""


class OtherPreview(BatonError):
    """This is not the preview that waits for an answer."""

    exit_code = ExitCode.LOCKED


class MayNotApprove(BatonError):
    """This person may not approve here."""

    exit_code = ExitCode.APPROVAL_NEEDED


class Decision(StrEnum):
    """What an approver says."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """When an approval is needed, by whom, by how many, and how long it is good. Every condition alone is enough."""

    environments: tuple[str, ...] = ("*",)  # globs over their names
    always: bool = False
    destroys: bool = False
    replaces: bool = False
    policy: bool = True  # findings that an approver may overrule, in every environment
    cost_increase: Decimal | None = None  # a month: more than this
    hosts: int | None = None  # destroyed or replaced: more than this many
    share: int | None = None  # ... or more than this many per cent of them
    by: tuple[str, ...] = ("*",)  # globs over users
    count: int = 1
    valid: timedelta = timedelta(hours=24)
    auto: bool = False  # whether --auto-approve is enough

    def concern(self, environment: str) -> bool:
        return any(fnmatchcase(environment, glob) for glob in self.environments)

    def may_approve(self, user: str) -> bool:
        return named_by(self.by, user)


def named_by(globs: Iterable[str], user: str) -> bool:
    """Whether one of these globs names a user."""
    return any(fnmatchcase(user, glob) for glob in globs)


@dataclass(frozen=True, slots=True)
class Answer:
    """One person's word on one preview."""

    digest: str
    decision: Decision
    actor: str  # a user
    at: datetime
    expires: datetime
    reason: str = ""
    via: str = ""  # the key of the form that waited for it, if a run of the engine was suspended

    @property
    def fact(self) -> dict[str, str]:
        """As the store keeps it."""
        return {
            "digest": self.digest,
            "decision": self.decision.value,
            "actor": self.actor,
            "at": self.at.isoformat(),
            "expires": self.expires.isoformat(),
            "reason": self.reason,
            "via": self.via,
        }

    @classmethod
    def of(cls, fact: Mapping[str, str]) -> "Answer":
        at, expires = (datetime.fromisoformat(fact[key]) for key in ("at", "expires"))
        decision = Decision(fact["decision"])
        return cls(fact["digest"], decision, fact["actor"], at, expires, fact.get("reason", ""), fact.get("via", ""))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run of the engine that is suspended until somebody answers: its id, the key of its form, how long it waits."""

    flow_run: str
    key: str
    until: datetime

    @property
    def fact(self) -> dict[str, str]:
        """As the store keeps it."""
        return {"flow_run": self.flow_run, "key": self.key, "until": self.until.isoformat()}

    @classmethod
    def of(cls, fact: Mapping[str, str] | None) -> "Waiting | None":
        return cls(fact["flow_run"], fact["key"], datetime.fromisoformat(fact["until"])) if fact else None


@dataclass(frozen=True, slots=True)
class Review:
    """What was asked to be approved: a preview's digest, what it is made of, what it would do; and the answers.

    `admitted` is the run that began to carry it out; 0 where none has. Until a run has reached its goal the next one may go
    on with what is left of it.
    """

    digest: str
    at: datetime
    parts: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    envelope: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # stack → address → action
    findings: tuple[str, ...] = ()  # keys of those that an approver saw
    ceiling: Decimal | None = None  # what it may cost a month
    by: tuple[str, ...] = ("*",)  # who may answer
    valid: timedelta = timedelta(hours=24)
    answers: tuple[Answer, ...] = ()
    admitted: int = 0
    count: int = 1  # how many must approve
    waiting: Waiting | None = None  # the suspended run that goes on with the answer

    @property
    def fact(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {
            "digest": self.digest,
            "at": self.at.isoformat(),
            "parts": dict(self.parts),
            "reasons": list(self.reasons),
            "envelope": {stack: dict(changes) for stack, changes in self.envelope.items()},
            "findings": list(self.findings),
            "ceiling": None if self.ceiling is None else str(self.ceiling),
            "by": list(self.by),
            "valid": self.valid.total_seconds(),
            "answers": [answer.fact for answer in self.answers],
            "admitted": self.admitted,
            "count": self.count,
            "waiting": self.waiting.fact if self.waiting else None,
        }

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Review | None":
        """From an environment's facts."""
        fact = facts.get(REVIEW)
        if fact is None:
            return None
        return cls(
            digest=fact["digest"],
            at=datetime.fromisoformat(fact["at"]),
            parts=fact["parts"],
            reasons=tuple(fact["reasons"]),
            envelope=fact["envelope"],
            findings=tuple(fact["findings"]),
            ceiling=None if fact["ceiling"] is None else Decimal(fact["ceiling"]),
            by=tuple(fact["by"]),
            valid=timedelta(seconds=fact["valid"]),
            answers=tuple(Answer.of(one) for one in fact["answers"]),
            admitted=fact["admitted"],
            count=fact.get("count", 1),
            waiting=Waiting.of(fact.get("waiting")),
        )

    @property
    def rejection(self) -> Answer | None:
        """Who said no first, if anybody did."""
        return next((a for a in self.answers if a.decision is Decision.REJECTED), None)

    def approvals(self, now: datetime) -> tuple[Answer, ...]:
        """Those that are good now."""
        good = (a for a in self.answers if a.decision is Decision.APPROVED and a.expires > now)
        return tuple(a for a in good if named_by(self.by, a.actor))

    def decided(self, now: datetime) -> bool:
        """Whether no further answer is needed: somebody rejected it, or enough have approved."""
        return self.rejection is not None or len(self.approvals(now)) >= self.count

    def answered(self, answer: Answer) -> "Review":
        """With one more answer; the last one of a person counts."""
        others = tuple(a for a in self.answers if a.actor != answer.actor)
        return replace(self, answers=(*others, answer))


def answered(
    environment: Environment, digest: str, decision: Decision, reason: str, now: datetime, user: str
) -> tuple[Environment, Draft]:
    """The environment with somebody's word on the preview that waits, and what the ledger says of it.

    `digest` are at least its first six characters; empty for whichever waits. Raises NothingToAnswer, OtherPreview, MayNotApprove.
    """
    review, ref = Review.of(environment.facts), environment.ref
    if review is None or review.admitted:
        raise NothingToAnswer(f"{ref} waits for no approval", hint="baton plan shows whether it needs one")
    if digest and not (len(digest) >= SHORTEST and review.digest.startswith(digest)):
        words = f"{ref} waits with the preview {review.digest[:12]}, not with {digest[:12]}"
        raise OtherPreview(words, hint="look at it again with: baton plan")
    if not named_by(review.by, user):
        raise MayNotApprove(f"{user} may not approve {ref}", hint=f"the blueprint names: {', '.join(review.by)}")
    if review.waiting is not None and review.waiting.until <= now:
        words = f"{ref} waited for an approval of the preview {review.digest[:12]} until {review.waiting.until:%Y-%m-%d %H:%M} UTC"
        raise NothingToAnswer(words, hint="ask again with: baton up, or: baton plan")
    via = review.waiting.key if review.waiting else ""
    answer = Answer(review.digest, decision, user, now, now + review.valid, reason, via)
    changed = replace(environment, facts={**environment.facts, REVIEW: review.answered(answer).fact})
    return changed, Draft(f"baton.preview.{decision}", str(ref), now, answer.fact)
