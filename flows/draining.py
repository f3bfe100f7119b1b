"""The worker of a machine in production: `python -P -m flows.draining --name NAME [--queue QUEUE]... [--limit N]`.

The first SIGTERM or SIGINT drains it: it takes no new run, and ends after its last one. A second one asks those that run to stop,
waits for them, and leaves none behind. Prefect's own worker kills its runs then, and leaves the engine believing in them.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from flows.worker import LOOK_EVERY, Worker, asked_to_end

SETTLED: Final = 5.0
"""Seconds without a run after which a draining worker ends: one that it has just taken may not have begun."""


async def work(worker: Worker) -> int:
    """Work until asked to end, then drain."""
    stop, hurry = asked_to_end()
    working, stopping = asyncio.create_task(worker.start()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()  # raises what ended it
            return 1
        worker.draining = True
        print(f"draining: {len(worker.running)} runs go on to their end, no new one is taken")  # noqa: T201  the unit's journal
        await _last_run(worker, hurry)
        await worker.drain(asyncio.Event(), "its worker was stopped")
        return 0
    finally:
        worker.forks.close()
        stopping.cancel()
        working.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await working


async def _last_run(worker: Worker, hurry: asyncio.Event) -> None:
    """Until nothing runs any more, or somebody is in a hurry."""
    quiet = 0.0
    while quiet < SETTLED and not hurry.is_set():
        await asyncio.sleep(LOOK_EVERY)
        quiet = 0.0 if worker.running else quiet + LOOK_EVERY


def main(arguments: Sequence[str]) -> int:
    """The program; its exit code."""
    parser = argparse.ArgumentParser(prog="python -P -m flows.draining", description="A worker that can be drained.")
    parser.add_argument("--name", help="how the engine's pages call it; default: by its machine")
    parser.add_argument("--queue", action="append", help="take runs of this work queue only; may be given again")
    parser.add_argument("--limit", type=int, help="runs at a time; default: any number")
    given = parser.parse_args(arguments)
    return asyncio.run(work(Worker(_unheard, name=given.name, work_queues=given.queue, limit=given.limit)))


def _unheard(type: str, **fields: Any) -> None:
    """What runs says Prefect's own log."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
