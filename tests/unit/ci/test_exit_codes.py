"""What a followed run comes to, by its state and its label."""

from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType

from flows.client import EXIT_CODE, exit_code
from lifecycle.errors import ExitCode


def run(state: StateType | None, label: object = None) -> FlowRun:
    labels = {} if label is None else {EXIT_CODE: label}
    return FlowRun(flow_id=uuid4(), state=State(type=state) if state else None, labels=labels)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (StateType.COMPLETED, ExitCode.OK),
        (StateType.FAILED, ExitCode.FAILED),
        (StateType.CRASHED, ExitCode.CRASHED),
        (StateType.CANCELLED, ExitCode.INTERRUPTED),
        (StateType.PAUSED, ExitCode.APPROVAL_NEEDED),
        (StateType.RUNNING, ExitCode.TIMED_OUT),
        (StateType.SCHEDULED, ExitCode.TIMED_OUT),
        (None, ExitCode.TIMED_OUT),
    ],
)
def test_each_end_has_its_code(state: StateType | None, code: ExitCode) -> None:
    assert exit_code(run(state)) is code


@pytest.mark.parametrize(("label", "code"), [(4, 4), (5, 5), ("6", 6), (99, 1), ("x", 1)])
def test_a_run_that_failed_says_its_code_by_a_label(label: object, code: int) -> None:
    assert exit_code(run(StateType.FAILED, label)) == code
    assert exit_code(run(StateType.COMPLETED, label)) is ExitCode.OK
