"""A question that waits for its answer: how long, who goes on with it, and what becomes of it without one. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from lifecycle.approval import REVIEW, Answer, Decision, Review, answered
from lifecycle.environment import Environment, Phase, transition
from lifecycle.ledger import Draft


def open_question(environment: Environment) -> Review | None:
    """The question that waits for an answer, whether its time is over or not."""
    review = Review.of(environment.facts)
    return None if review is None or review.admitted or review.rejection else review


def waiting_on(question: Review | None, before: Review | None) -> Review | None:
    """A question that takes the place of another one: the run that waited for an answer to that one goes on with this one's."""
    if question is None or question.waiting is not None or before is None or before.admitted:
        return question
    return replace(question, waiting=before.waiting)


def overdue(environment: Environment, now: datetime) -> bool:
    """Whether a run has waited for an answer, and waits no longer."""
    question = open_question(environment)
    return question is not None and question.waiting is not None and question.waiting.until <= now


def closed(environment: Environment, now: datetime, why: str) -> tuple[Environment, list[Draft]]:
    """The environment without its question. `why`: `expired at ...`, `its run was cancelled`."""
    question = open_question(environment)
    assert question is not None
    message = f"an approval of the preview {question.digest[:12]} was asked at {_at(question.at)}, and {why}"
    data = {"digest": question.digest, "asked": question.at.isoformat(), "message": message}
    draft = Draft("baton.preview.closed", str(environment.ref), now, data)
    facts = {key: value for key, value in environment.facts.items() if key != REVIEW}
    changed, moves = _left(replace(environment, facts=facts), message, now)
    return changed, [draft, *moves]


def taken(
    environment: Environment, digest: str, decision: Decision, reason: str, now: datetime, user: str
) -> tuple[Environment, list[Draft]]:
    """The environment with somebody's word on its preview; after a rejection it waits no longer. Raises what `answered` does."""
    changed, draft = answered(environment, digest, decision, reason, now, user)
    review = Review.of(changed.facts)
    no = review.rejection if review else None
    left, moves = _left(changed, rejection_words(no), now) if no else (changed, [])
    return left, [draft, *moves]


def _left(environment: Environment, message: str, now: datetime) -> tuple[Environment, list[Draft]]:
    if environment.phase is not Phase.WAITING:
        return replace(environment, message=message, updated_at=now), []
    changed, draft = transition(environment, Phase.FAILED, at=now, message=message)
    return changed, [draft]


def rejection_words(answer: Answer) -> str:
    return f"{answer.actor} rejected the preview {answer.digest[:12]}: {answer.reason or 'no reason given'}"


def expiry(question: Review) -> str:
    """`expired at 2026-12-01 18:00 UTC`."""
    assert question.waiting is not None
    return f"expired at {_at(question.waiting.until)}"


def question_text(environment: Environment, now: datetime) -> Iterator[str]:
    """What is asked, since when and until when."""
    question = open_question(environment)
    if question is None or not (question.waiting or environment.phase is Phase.WAITING):
        return
    words = f"approval: the preview {question.digest[:12]} waits since {_at(question.at)}"
    if question.waiting is None:
        yield words
    elif question.waiting.until <= now:
        yield f"{words}; it {expiry(question)}, the next tick closes it"
    else:
        given = [a.actor for a in question.approvals(now)]
        so_far = f", {len(given)} of {question.count} given ({', '.join(given)})" if given else ""
        yield f"{words} until {_at(question.waiting.until)}{so_far}"


def question_fields(environment: Environment) -> dict[str, Any] | None:
    """The same for programs."""
    question = open_question(environment)
    if question is None:
        return None
    waiting = question.waiting
    return {
        "digest": question.digest,
        "asked_at": question.at.isoformat(),
        "reasons": list(question.reasons),
        "answers": [answer.fact for answer in question.answers],
        "flow_run": waiting.flow_run if waiting else "",
        "expires_at": waiting.until.isoformat() if waiting else None,
    }


def _at(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
