"""Who may stop a run: signals, and whoever presses Cancel in the engine. And how long a run waits for another."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.objects import StateType
from prefect.runtime import flow_run
from prefect.states import Running

from lifecycle.ports import Cancellation

AGAIN = 0.5
"""Seconds after which a second signal means "fast": a terminal that closes, or timeout(1), says it twice at once; no person does."""


@contextmanager
def stopped_by_signals(cancel: Cancellation, monotonic: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """SIGTERM (a worker that cancels), SIGINT and SIGHUP (a terminal that is closed) ask the run to stop: the tools stop
    gracefully, the run ends tidily; a second one makes it fast. Under `nohup` SIGHUP stays ignored; SIGINT does not under a
    shell's `&`: who sends it means it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    first: list[float] = []

    def ask(number: int, _: Any) -> None:
        now = monotonic()
        if first and now - first[0] < AGAIN:
            return
        if first or not cancel.requested:  # the engine's Cancel is told by a worker's SIGTERM too: that is one wish
            cancel.request(signal.Signals(number).name)
        first.append(now)

    wanted = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        wanted.remove(signal.SIGHUP)
    before = {s: signal.signal(s, ask) for s in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def cancelled_in_engine() -> Callable[[], str]:
    """Asks the engine whether somebody cancelled the flow run that calls this: why to stop, or nothing.

    A run in a user's own process has no worker that would tell it. An engine that does not answer has cancelled nothing; one that
    takes this run for dead, because it was not heard of for too long, is told that it lives.
    """
    run_id, context = flow_run.id, copy_context()

    def ask() -> str:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run_id).state
            if run_id and state is not None and state.type is StateType.CRASHED:
                client.set_flow_run_state(UUID(run_id), Running(message="it was taken for dead, and lives"), force=True)
        stopping = state is not None and state.type in (StateType.CANCELLING, StateType.CANCELLED)
        return "cancelled in the engine" if stopping else ""

    def asked() -> str:
        try:
            return context.run(ask)
        except Exception:  # whatever its client makes of being away
            return ""

    return asked
