"""`baton approve` and `baton reject`: a person's word on a preview."""

from typing import Annotated

from cyclopts import Parameter

from adapters.process.owner import current_owner
from baton import console
from baton.options import Env, Json, Target
from baton.schedules import changing
from lifecycle.approval import Decision, Review, answered

Digest = Annotated[str, Parameter(help="The preview's digest, or its first characters: what was looked at.")]
Reason = Annotated[str, Parameter(name="--reason", help="Why; the ledger keeps it.")]


def approve(
    environment: Target, digest: Digest = "", *, env: Env = "dev", reason: Reason = "", json: Json = False
) -> int:
    """Approve the preview that an environment waits with. The next `baton up` carries it out, if it is still the same."""
    return _answer(environment, env, digest, Decision.APPROVED, reason, as_json=json)


def reject(
    environment: Target, digest: Digest = "", *, env: Env = "dev", reason: Reason = "", json: Json = False
) -> int:
    """Reject the preview that an environment waits with."""
    return _answer(environment, env, digest, Decision.REJECTED, reason, as_json=json)


def _answer(text: str, env: str, digest: str, decision: Decision, reason: str, *, as_json: bool) -> int:
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
