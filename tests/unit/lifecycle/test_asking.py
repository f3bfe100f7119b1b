"""A run that waits for an approval: what its environment says meanwhile, and what becomes of the question."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.approval import REVIEW, Decision, NothingToAnswer, Review, Waiting
from lifecycle.asking import closed, expiry, open_question, overdue, question_fields, question_text, taken, waiting_on
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.report.words import next_command

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(hours=2)
REF = EnvironmentRef("shop", "dev")
DIGEST = "1a2b3c4d5e6f7a8b"
ASKED = Review(
    DIGEST, NOW, reasons=("every change needs one",), waiting=Waiting("run", f"baton-preview-{DIGEST}-1", UNTIL)
)


def environment(review: Review = ASKED, phase: Phase = Phase.WAITING) -> Environment:
    return Environment(REF, phase, NOW, NOW, blueprint_path="/shop", facts={REVIEW: review.fact})


def test_a_review_with_its_waiting_run_is_kept_whole_and_an_older_one_is_read() -> None:
    assert Review.of({REVIEW: ASKED.fact}) == ASKED
    old = {key: value for key, value in ASKED.fact.items() if key not in ("waiting", "count")}
    assert Review.of({REVIEW: old}) == replace(ASKED, waiting=None)


def test_status_says_what_waits_until_when_and_what_to_type() -> None:
    (line,) = question_text(environment(), NOW)
    assert line == "approval: the preview 1a2b3c4d5e6f waits since 2026-12-01 12:00 UTC until 2026-12-01 14:00 UTC"
    assert next_command(environment()) == "baton approve shop/dev 1a2b3c4d5e6f"
    fields = question_fields(environment())
    assert fields is not None
    assert (fields["flow_run"], fields["expires_at"]) == ("run", UNTIL.isoformat())


def test_an_environment_that_stands_waits_with_its_phase_as_it_was() -> None:
    standing = environment(phase=Phase.READY)
    assert next_command(standing) == "baton approve shop/dev 1a2b3c4d5e6f"
    changed, drafts = closed(standing, UNTIL, expiry(ASKED))
    assert (changed.phase, [d.type for d in drafts]) == (Phase.READY, ["baton.preview.closed"])


def test_a_question_whose_time_is_over_is_said_to_be_and_takes_no_answer() -> None:
    assert not overdue(environment(), UNTIL - timedelta(seconds=1))
    assert overdue(environment(), UNTIL)
    (line,) = question_text(environment(), UNTIL)
    assert "it expired at 2026-12-01 14:00 UTC, the next tick closes it" in line
    with pytest.raises(NothingToAnswer, match="until 2026-12-01 14:00 UTC"):
        taken(environment(), DIGEST, Decision.APPROVED, "", UNTIL, "ada")


def test_a_closed_question_leaves_a_clear_phase_a_sentence_and_two_ledger_entries() -> None:
    changed, drafts = closed(environment(), UNTIL, expiry(ASKED))
    assert changed.phase is Phase.FAILED
    assert changed.message == (
        "an approval of the preview 1a2b3c4d5e6f was asked at 2026-12-01 12:00 UTC, and expired at 2026-12-01 14:00 UTC"
    )
    assert open_question(changed) is None
    assert [d.type for d in drafts] == ["baton.preview.closed", "baton.environment.phase"]
    assert next_command(changed) == "baton up /shop --env dev"


def test_a_rejection_ends_the_waiting_and_says_who_said_no_and_why() -> None:
    changed, drafts = taken(environment(), DIGEST, Decision.REJECTED, "too dear", NOW, "ada")
    assert changed.phase is Phase.FAILED
    assert changed.message == "ada rejected the preview 1a2b3c4d5e6f: too dear"
    assert [d.type for d in drafts] == ["baton.preview.rejected", "baton.environment.phase"]
    assert drafts[0].data["via"] == f"baton-preview-{DIGEST}-1"


def test_an_approval_leaves_it_waiting_for_the_run_that_carries_it_out() -> None:
    changed, drafts = taken(environment(), DIGEST, Decision.APPROVED, "fine", NOW, "ada")
    assert changed.phase is Phase.WAITING
    assert [d.type for d in drafts] == ["baton.preview.approved"]
    review = Review.of(changed.facts)
    assert review is not None
    assert review.decided(NOW)
    assert not review.decided(NOW + timedelta(hours=25))  # it runs out


def test_two_of_two_decide_and_one_no_does_at_once() -> None:
    two = environment(replace(ASKED, count=2))
    first, _ = taken(two, DIGEST, Decision.APPROVED, "", NOW, "ada")
    review = Review.of(first.facts)
    assert review is not None
    assert not review.decided(NOW)
    (line,) = question_text(first, NOW)
    assert line.endswith("1 of 2 given (ada)")
    both, _ = taken(first, DIGEST, Decision.APPROVED, "", NOW, "grace")
    refused, _ = taken(first, DIGEST, Decision.REJECTED, "", NOW, "grace")
    assert [Review.of(e.facts).decided(NOW) for e in (both, refused)] == [True, True]  # type: ignore[union-attr]


def test_a_new_question_is_put_to_the_run_that_waited_with_the_old_one() -> None:
    new = Review("ffff00001111", NOW)
    assert waiting_on(new, ASKED) == replace(new, waiting=ASKED.waiting)
    assert waiting_on(new, replace(ASKED, admitted=3)) == new
    assert waiting_on(None, ASKED) is None
