"""Runs Terraform's subcommands in a stack's working directory: one at a time there, few at a time on the machine."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from adapters.process.runner import Command, Finished
from adapters.process.runner import run as run_tool
from adapters.terraform.binary import Binary
from adapters.terraform.failures import TerraformTimedOut
from adapters.terraform.settings import GRACE, LOCK_WAIT, ORPHAN_GRACE, SETTLE
from lifecycle.errors import CUT_OFF
from lifecycle.ports import Cancellation, Cancelled, Run

LINE_LIMIT = 64 << 20
"""Bytes of one line: an apply that can write its state nowhere says it in one."""
GIGABYTES_PER_RUN = 0.8  # measured with the AWS provider: 620–760 MB
CORES_PER_RUN = 1.4


def concurrency_cap(cores: int | None = None, memory: int | None = None) -> int:
    """How many Terraforms with a large provider this machine bears at once.

    Two where memory allows, on a small machine too: an apply sleeps most of its time, and another stack's plan need not wait for it.
    """
    cores = cores or os.cpu_count() or 1
    memory = memory or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    by_cores = max(2, math.floor(cores / CORES_PER_RUN))
    return max(1, min(math.floor(memory / (GIGABYTES_PER_RUN * 1e9)), by_cores))


@dataclass(frozen=True, slots=True)
class Site:
    """Where and in what surroundings a stack's commands run. `subject` names the stack in messages."""

    subject: str
    cwd: Path
    lock: Path
    environment: Mapping[str, str] = field(repr=False)


class Runner:
    """Executes argument vectors; knows nothing of what they mean."""

    def __init__(
        self, binary: Callable[[], Binary], slots: int, *, grace: timedelta = GRACE, lock_wait: timedelta = LOCK_WAIT
    ) -> None:
        self.binary = binary
        self._slots = threading.BoundedSemaphore(slots)
        self._grace, self._lock_wait = grace, lock_wait

    def run(
        self,
        site: Site,
        argv: Sequence[str],
        run: Run,
        *,
        until: float,
        longest: timedelta,
        on_line: Callable[[str], None] | None = None,
    ) -> Finished:
        """Run one subcommand to its end, whatever its exit code.

        `until` (monotonic seconds) is when the whole call must be over, `longest` what this command may take. Raises Cancelled,
        TerraformTimedOut, and what the process runner raises.
        """
        changes = argv[0] == "apply"
        command = Command(
            (*self.binary().argv, *argv),
            site.cwd,
            site.environment,
            site.lock,
            lock_wait=self._lock_wait,
            grace=self._grace,
            orphan_grace=max(self._grace, ORPHAN_GRACE) if changes else None,
            settle=SETTLE if changes else timedelta(0),
            line_limit=LINE_LIMIT,
        )
        with self._slot(site, run, until):
            left = max(0.0, min(until - time.monotonic(), longest.total_seconds()))
            finished = run_tool(command, on_line, run.cancel, timedelta(seconds=left))
        if finished.cancelled:
            raise Cancelled(f"{site.subject}: terraform {argv[0]} was stopped ({run.cancel.reason})")
        if finished.timed_out:
            raise TerraformTimedOut(
                f"{site.subject}: terraform {argv[0]} did not end within {left:.0f} s and was stopped",
                facts={"seconds": round(finished.seconds, 1), CUT_OFF: True},
            )
        return finished

    def ask(self, site: Site, argv: Sequence[str], cancel: Cancellation, longest: timedelta) -> Finished:
        """Run a command that needs no provider and changes nothing, beside one that works at the same site."""
        command = Command((*self.binary().argv, *argv), site.cwd, site.environment, grace=timedelta(seconds=5))
        return run_tool(command, None, cancel, longest)

    @contextmanager
    def _slot(self, site: Site, run: Run, until: float) -> Iterator[None]:
        """One of the machine's slots for Terraform."""
        while not self._slots.acquire(timeout=0.1):
            if run.cancel.requested:
                raise Cancelled(f"{site.subject}: stopped while waiting for another Terraform ({run.cancel.reason})")
            if time.monotonic() > until:
                raise TerraformTimedOut(f"{site.subject}: no turn came in time: other Terraforms use this machine")
        try:
            yield
        finally:
            self._slots.release()
