"""`baton reject`: a person's word on a preview."""

from baton.answering import Digest, Reason, answer
from baton.options import Env, Json, Target
from lifecycle.approval import Decision


def reject(
    environment: Target, digest: Digest = "", *, env: Env = "dev", reason: Reason = "", json: Json = False
) -> int:
    """Reject the preview that an environment waits with."""
    return answer(environment, env, digest, Decision.REJECTED, reason, as_json=json)
