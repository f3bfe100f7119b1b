"""What a followed run comes to, by its state and its label."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.client import EngineRefused, api
from flows.following import EXIT_CODE, exit_code, note_exit_code
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


class Refusing(BaseHTTPRequestHandler):
    """An engine that says no to everything."""

    def _refuse(self) -> None:
        self.send_response(403)
        self.end_headers()

    do_GET = do_PATCH = do_POST = _refuse  # noqa: N815

    def log_message(self, format: str, *args: object) -> None: ...


def test_a_label_that_the_engine_refuses_hides_no_failure() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}):
            with pytest.raises(EngineRefused), api() as client:
                client.read_flow_run(uuid4())
            note_exit_code(str(uuid4()), ExitCode.FAILED)
        server.shutdown()
