"""Approval in the engine: a deployment's run that needs one is suspended, and goes on with what somebody wrote into its form.

Neither a process nor the environment's lock waits meanwhile. A resumed run starts from the top, on any worker: what was
answered is recorded first, by the very code of `baton approve`, and everything is decided again.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final, Literal, NoReturn, cast
from uuid import UUID

from prefect.context import FlowRunContext
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.input.run_input import keyset_from_base_key
from pydantic import Field, ValidationError

from adapters.registry import Registry
from lifecycle.approval import REVIEW, Decision, MayNotApprove, NothingToAnswer, OtherPreview, Review, Waiting
from lifecycle.asking import rejection_words, taken
from lifecycle.environment import Environment, EnvironmentRef
from lifecycle.errors import BatonError, ExitCode
from lifecycle.lock import Lock
from lifecycle.perform import Ended
from lifecycle.report.pages import preview_page

KEYS: Final = "baton-preview-"
"""How the key of every form of ours begins; the preview's digest and a number follow."""


_DECISIONS: Final = {"approve": Decision.APPROVED, "reject": Decision.REJECTED}

Said = Annotated[str, Field(min_length=1, pattern=r"\S")]


class Approval(RunInput):
    """The form. Every field is required: whoever presses "resume" without a word has not decided anything."""

    decision: Literal["approve", "reject"] = Field(description="Whether this preview may be carried out.")
    reason: Said = Field(description="Why. The ledger keeps it.")
    approver: Said = Field(description="Your name, as the blueprint's approval names those who may answer.")


class Rejected(BatonError):
    """Somebody said no to the preview that this run waited with."""

    exit_code = ExitCode.APPROVAL_NEEDED


@dataclass(frozen=True, slots=True)
class Waiter:
    """The run of a deployment that can be suspended, and the keys of the forms that it has suspended with."""

    flow_run: UUID
    keys: frozenset[str] = frozenset()

    def key(self, digest: str) -> str:
        """The key of the next form for a preview: a form can be answered once."""
        start = f"{KEYS}{digest}-"
        return f"{start}{1 + sum(key.startswith(start) for key in self.keys)}"


def waiter() -> Waiter | None:
    """This flow run, where it can be suspended; None for a run in somebody's own process: they wait themselves."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        return None
    return Waiter(run.id, frozenset(run.empirical_policy.pause_keys or ()))


# --- asking


def to_wait(environment: Environment, who: Waiter, now: datetime) -> Environment:
    """The environment whose facts say which run goes on with the answer, and until when it waits."""
    review = Review.of(environment.facts)
    assert review is not None
    waiting = Waiting(str(who.flow_run), who.key(review.digest), now + review.valid)
    return replace(environment, facts={**environment.facts, REVIEW: replace(review, waiting=waiting).fact})


def form_text(ended: Ended, note: str = "") -> str:
    """What is shown above the form, as Markdown; empty where nobody is asked. `note`: why an earlier answer did not count."""
    reviewed = ended.view.observed.reviewed
    review = Review.of(ended.environment.facts)
    if not ended.view.asks or reviewed is None or review is None or review.waiting is None:
        return ""
    until = f"Answer until {review.waiting.until:%Y-%m-%d %H:%M} UTC; after that the run fails and nothing is changed."
    return "\n\n".join([*([f"> {note}"] if note else ()), preview_page(reviewed, ended.view.desired), until])


def suspend(environment: Environment, text: str) -> NoReturn:
    """Suspend this run with a form. Its process ends here (prefect.exceptions.Pause); the environment's lock is free already.

    Raises RuntimeError where the engine does not suspend the run.
    """
    review = Review.of(environment.facts)
    assert review is not None
    assert review.waiting is not None
    form = Approval.with_initial_data(description=text)
    suspend_flow_run(wait_for_input=form, timeout=int(review.valid.total_seconds()), key=review.waiting.key)
    raise RuntimeError("its form was answered before")


# --- the answer


def take_answer(registry: Registry, lock: Lock, ref: EnvironmentRef, who: Waiter | None) -> str:
    """Record what was written into this run's form, under the environment's lock; why it does not count, if it does not.

    Raises Rejected: then there is nothing more to do. What `baton approve` has recorded is not recorded again.
    """
    environment = registry.store.environment(ref)
    review = Review.of(environment.facts) if environment else None
    if who is None or environment is None or review is None or review.waiting is None:
        return ""
    key = review.waiting.key
    if key not in who.keys:
        return ""
    form = _written(key, who)
    if form is None:
        return ""
    actor = form.approver.strip()
    if not any(answer.via == key and answer.actor == actor for answer in review.answers):
        digest, now = key.removeprefix(KEYS).rpartition("-")[0], registry.clock.now()
        try:
            taken_in, drafts = taken(environment, digest, _DECISIONS[form.decision], form.reason.strip(), now, actor)
        except (MayNotApprove, NothingToAnswer, OtherPreview) as error:
            return f"the answer of {actor} does not count: {error.message}"
        registry.store.transition(lock, taken_in, drafts)
        review = Review.of(taken_in.facts) or review
    if no := review.rejection:
        raise Rejected(f"{ref}: {rejection_words(no)}", hint="change what is asked for, or talk to them")
    return ""


def _written(key: str, who: Waiter) -> Approval | None:
    """What somebody wrote into a form; None where its run goes on for another reason."""
    with suppress(ValidationError):
        return cast(Approval, Approval.load(keyset_from_base_key(f"suspended-{key}"), flow_run_id=who.flow_run))
    return None
