"""Heartbeats of flow runs, which the engine expects of a worker's runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings


@contextmanager
def no_heartbeats() -> Iterator[None]:
    """Flows that begin in this context send none.

    Nobody expects any of a command (a tick finds it dead by its lock), and a run waits for them up to a second at its end.
    """
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
