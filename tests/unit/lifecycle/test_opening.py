"""What an environment that is not there brings into its next run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from flows.session import _environment
from lifecycle.approval import REVIEW, Answer, Decision, Review
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.recurring import RECURRING

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
REF = EnvironmentRef("shop", "dev")
ANSWER = Answer("ada", Decision.APPROVED, "looks good", NOW, NOW + timedelta(hours=1))
REVIEWED = Review("d1gest", NOW, answers=(ANSWER,))


def opened(known: Environment | None) -> Environment:
    registry: Any = SimpleNamespace(
        endpoint=SimpleNamespace(name="local"),
        clock=SimpleNamespace(now=lambda: NOW),
        store=SimpleNamespace(environment=lambda _: known),
    )
    return _environment(REF, "examples/shop", registry)


@pytest.mark.parametrize("phase", [Phase.NEW, Phase.DESTROYED])
def test_what_was_agreed_to_before_anything_was_made_counts(phase: Phase) -> None:
    """A pipeline plans, somebody approves, the next job brings it up for the first time."""
    facts = {REVIEW: REVIEWED.fact, RECURRING: ["kept"], "lease": "of what is gone"}
    known = Environment(REF, phase, NOW, NOW, cloud="local", run=3, facts=facts)
    assert opened(known).facts == {REVIEW: REVIEWED.fact, RECURRING: ["kept"]}
    assert opened(known).run == 3


def test_what_was_carried_out_once_is_asked_for_anew() -> None:
    done = replace(REVIEWED, admitted=2)
    known = Environment(REF, Phase.DESTROYED, NOW, NOW, cloud="local", run=3, facts={REVIEW: done.fact})
    assert opened(known).facts == {}


def test_one_that_was_never_begun_knows_nothing() -> None:
    assert (opened(None).phase, opened(None).facts) == (Phase.NEW, {})
