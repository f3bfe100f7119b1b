"""A person's word on a preview, for the verbs that take it."""

from typing import Annotated

from cyclopts import Parameter

from adapters.process.owner import current_owner
from baton import console
from baton.schedules import changing
from lifecycle.approval import Decision, Review, answered

Digest = Annotated[str, Parameter(help="The preview's digest, or its first characters: what was looked at.")]
Reason = Annotated[str, Parameter(name="--reason", help="Why; the ledger keeps it.")]


def answer(text: str, env: str, digest: str, decision: Decision, reason: str, *, as_json: bool) -> int:
    """Give somebody's word on the preview that an environment waits with."""
    user = current_owner().user
    changed = changing(text, env, lambda e, now, _: answered(e, digest, decision, reason, now, user))
    review = Review.of(changed.facts)
    assert review is not None
    if as_json:
        console.emit("review", environment=str(changed.ref), **review.fact)
        return 0
    words = f"{changed.ref}: the preview {review.digest[:12]} is {decision} by {user}"
    console.out.print(words, markup=False)
    return 0
