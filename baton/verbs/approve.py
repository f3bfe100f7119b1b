"""`baton approve`: a person's word on a preview."""

from baton.answering import Digest, Reason, answer
from baton.options import Env, Json, Target
from lifecycle.approval import Decision


def approve(
    environment: Target, digest: Digest = "", *, env: Env = "dev", reason: Reason = "", json: Json = False
) -> int:
    """Approve the preview that an environment waits with. The next `baton up` carries it out, if it is still the same."""
    return answer(environment, env, digest, Decision.APPROVED, reason, as_json=json)
