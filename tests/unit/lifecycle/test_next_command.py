"""What a person is told to type next."""

import shlex
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.environment import INPUTS, Environment, EnvironmentRef, Phase
from lifecycle.journal import Journal, Kind, Record, Status
from lifecycle.report.words import look_again, next_command

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def environment(phase: Phase, **inputs: object) -> Environment:
    ref = EnvironmentRef("shop", "dev")
    return Environment(ref, phase, NOW, NOW, blueprint_path="/my shops/b.yaml", run=3, facts={INPUTS: inputs})


def test_an_up_goes_on_with_the_inputs_that_it_was_given_and_survives_a_shell() -> None:
    command = next_command(environment(Phase.FAILED, title="It's shut", web_count=3, hosts=["a", "b"]))
    assert shlex.split(command) == [
        *("baton", "up", "/my shops/b.yaml", "--env", "dev"),
        *("--input", "title=It's shut", "--input", "web_count=3", "--input", 'hosts=["a", "b"]'),
    ]


@pytest.mark.parametrize(
    ("phase", "command"),
    [
        (Phase.READY, "baton hosts shop/dev"),
        (Phase.TEARING_DOWN, "baton down shop/dev"),
        (Phase.QUARANTINED, "baton down shop/dev"),
        (Phase.DESTROYED, "baton up '/my shops/b.yaml' --env dev"),
    ],
)
def test_each_phase_has_its_next_command(phase: Phase, command: str) -> None:
    assert next_command(environment(phase)) == command


def record(kind: Kind, subject: str, run: int, second: int, status: Status) -> Record:
    return Record(kind, subject, "", run, NOW, NOW + timedelta(seconds=second), status)


def test_what_shows_more_is_the_log_of_the_step_that_failed_first_in_the_last_run() -> None:
    journal = Journal.of(
        [
            record(Kind.VERIFY, "open", 2, 1, Status.FAILED),  # of an earlier run
            record(Kind.APPLY, "front", 3, 1, Status.OK),
            record(Kind.AWAIT, "i-1", 3, 9, Status.FAILED),
            record(Kind.CONFIGURE, "web@i-2", 3, 5, Status.FAILED),
        ]
    )
    assert look_again(environment(Phase.FAILED), journal, []) == "baton logs shop/dev --step configure:web"


def test_where_nothing_failed_there_is_nothing_to_see() -> None:
    assert look_again(environment(Phase.READY), Journal.of([record(Kind.APPLY, "front", 3, 1, Status.OK)]), []) == ""
