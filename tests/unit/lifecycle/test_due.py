"""What a tick does about an environment, and in which order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifecycle.desired import Goal
from lifecycle.due import RESUMES, due, in_turn
from lifecycle.ends import LATE, lateness
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.lease import DOWN_AT, LEASE, Appointment, Lease
from lifecycle.phases import FAILED_TEARDOWNS, INTERRUPTED, RESUMED, TEARDOWNS
from lifecycle.revision import CLEANUP, READY, REVISION

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
OVER: dict[str, Any] = {LEASE: Lease(NOW - 3 * HOUR, HOUR).fact, REVISION: 4}


def at(phase: Phase, facts: dict[str, Any] | None = None, name: str = "dev", updated: datetime = NOW) -> Environment:
    return Environment(EnvironmentRef("shop", name), phase, NOW, updated, run=7, facts=facts or {})


def found(environment: Environment) -> tuple[Goal, int] | None:
    one = due(environment, NOW)
    return (one.goal, one.revision) if one else None


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (at(Phase.READY), None),
        (at(Phase.FAILED, {REVISION: 4}), None),  # somebody has to look
        (at(Phase.READY, OVER), (Goal.DOWN, 4)),
        (at(Phase.FAILED, OVER), (Goal.DOWN, 4)),
        (at(Phase.CONFIGURING, OVER), (Goal.DOWN, 4)),  # its time is over: not resumed any more
        (at(Phase.DESTROYED, OVER), None),
        (at(Phase.NEW, OVER), None),
        (at(Phase.READY, {LEASE: Lease(NOW, HOUR).fact}), None),
        (at(Phase.READY, {DOWN_AT: {"at": NOW.isoformat(), "said": "noon", "by": "ada"}}), (Goal.DOWN, 0)),
        (at(Phase.PROVISIONING, {REVISION: 4}), (Goal.UP, 4)),
        (at(Phase.PROVISIONING, {REVISION: 4, RESUMED: RESUMES - 1}), (Goal.UP, 4)),
        (at(Phase.PROVISIONING, {REVISION: 4, RESUMED: RESUMES}), None),
        (at(Phase.PROVISIONING, {REVISION: 4, INTERRUPTED: "SIGINT"}), None),  # who asked it to stop has it
        (at(Phase.TEARING_DOWN, {REVISION: 4}), (Goal.DOWN, 4)),
        (at(Phase.TEARING_DOWN, {INTERRUPTED: "SIGINT"}), None),
        (at(Phase.FAILED, {CLEANUP: "destroy", REVISION: 4}), (Goal.DOWN, 4)),
        (at(Phase.FAILED, {CLEANUP: "rollback", REVISION: 4, READY: [2, 3]}), (Goal.UP, 3)),
    ],
)
def test_what_is_due(environment: Environment, expected: tuple[Goal, int] | None) -> None:
    assert found(environment) == expected


@pytest.mark.parametrize(
    ("failed", "rested", "tried"),
    [
        (1, timedelta(0), True),
        (TEARDOWNS, 14 * HOUR / 60, False),
        (TEARDOWNS, 15 * HOUR / 60, True),
        (TEARDOWNS + 1, 29 * HOUR / 60, False),
        (TEARDOWNS + 50, 6 * HOUR, True),
    ],
)
@pytest.mark.parametrize("facts", [{}, OVER])
def test_a_teardown_that_gave_up_rests_longer_each_time(
    failed: int, rested: timedelta, tried: bool, facts: dict[str, Any]
) -> None:
    environment = at(Phase.QUARANTINED, facts | {FAILED_TEARDOWNS: failed}, updated=NOW - rested)
    assert (due(environment, NOW) is not None) is tried


def test_an_end_that_was_missed_is_said_to_be_late() -> None:
    one = due(at(Phase.READY, OVER), NOW)
    assert one is not None
    assert one.because == "its lease ended at 2026-01-01 10:00 UTC, 2h late"
    assert lateness(NOW - LATE, NOW) == ""


def test_whoever_waited_longest_comes_first_and_there_is_a_limit() -> None:
    ends = {"a": NOW - HOUR, "b": NOW - 3 * HOUR, "c": NOW - 2 * HOUR}
    environments = [
        at(Phase.READY, {DOWN_AT: {"at": end.isoformat(), "said": "then", "by": "ada"}}, name)
        for name, end in ends.items()
    ]
    turn = in_turn([one for e in environments if (one := due(e, NOW))], 2)
    assert [one.ref.name for one in turn] == ["b", "c"]
    assert Appointment.of(environments[0].facts) is not None
