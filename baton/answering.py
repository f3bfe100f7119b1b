"""A person's word on a preview, for the verbs that take it."""

from datetime import UTC, datetime
from importlib import import_module
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from adapters import settings as settings_of
from adapters.process.owner import current_owner
from baton import console, engine
from baton.schedules import changing
from lifecycle.approval import Decision, Review
from lifecycle.asking import taken
from lifecycle.errors import BatonError
from lifecycle.report.words import go_on_command

Digest = Annotated[str, Parameter(help="The preview's digest, or its first characters: what was looked at.")]
Reason = Annotated[str, Parameter(name="--reason", help="Why; the ledger keeps it.")]

_CHOICE = {Decision.APPROVED: "approve", Decision.REJECTED: "reject"}


def answer(
    text: str, env: str, digest: str, decision: Decision, reason: str, *, as_json: bool, resumes: bool = True
) -> int:
    """Give somebody's word on the preview that an environment waits with. The run that is suspended for it goes on."""
    user = current_owner().user
    changed = changing(text, env, lambda e, now, _: taken(e, digest, decision, reason, now, user))
    review = Review.of(changed.facts)
    assert review is not None
    resumed, trouble = _resumed(review, decision, reason, user) if resumes else ("", "")
    if as_json:
        console.emit("review", environment=str(changed.ref), **review.fact, resumed=resumed)
        return 0
    words = f"{changed.ref}: the preview {review.digest[:12]} is {decision} by {user}"
    console.out.print(words, markup=False)
    if resumed:
        console.out.print(f"the run that waited for it goes on: {resumed}", markup=False)
    elif trouble:
        console.tell(f"the answer is recorded, but the run that waits for it was not resumed: {trouble}")
        if decision is Decision.APPROVED:
            console.tell(f"next: {go_on_command(changed)}")
    return 0


def _resumed(review: Review, decision: Decision, reason: str, user: str) -> tuple[str, str]:
    """(name of the run that goes on, why it does not); both empty where none waits, or more answers are needed."""
    if review.waiting is None or not review.decided(datetime.now(UTC)):
        return "", ""
    if not engine.reach(settings_of.load()):
        return "", "the engine does not run"
    values = {"decision": _CHOICE[decision], "reason": reason.strip() or "none given", "approver": user}
    try:
        return str(import_module("flows.client").answer(UUID(review.waiting.flow_run), values)), ""
    except BatonError as error:
        return "", error.message
