"""Baton's worker: a process worker that deploys the verbs first, tells what it runs, and drains when it is to end.

A program of its own: `python -P -m flows.worker PREFECT_FILE FD`. It writes one JSON object per line to the descriptor FD.
It ends when its standard input does (whoever started it is gone) and on SIGTERM: it takes no new run, asks those that run
to stop, waits for them, and leaves none behind. A second signal makes it fast.
"""

import asyncio
import json
import os
import shlex
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling, Crashed
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from flows.client import POOL
from flows.forking import ForkServer

GRACE: Final = 30.0
"""Seconds that running flows have to stop gracefully once they were asked."""
LOOK_EVERY: Final = 0.2
DEPLOY_ATTEMPTS: Final = 3
Tell = Callable[..., None]


class Worker(ProcessWorker):
    """A process worker that can be drained. `tell` hears of every run that begins and ends."""

    type = "baton"  # Prefect registers a class by it, and has one for "process" already

    def __init__(
        self, tell: Tell, *, name: str | None = None, work_queues: list[str] | None = None, limit: int | None = None
    ) -> None:
        name = name or f"baton on {socket.gethostname()}".replace("%", "")
        super().__init__(POOL, name=name, work_queues=work_queues, limit=limit)
        self.tell = tell
        self.draining = False
        self.running: dict[UUID, FlowRun] = {}
        self.forks = ForkServer()

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        return [] if self.draining else await super().get_and_submit_flow_runs()

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        """No labels: Prefect's are a write that a busy SQLite refuses, and with it the whole run."""

    async def run(
        self, flow_run: FlowRun, configuration: ProcessJobConfiguration, task_status: Any = None
    ) -> ProcessWorkerResult:
        if not configuration._command_configured and (command := self.forks.command_for(configuration.env)):
            configuration.command, configuration._command_configured = shlex.join(command), True
        self.running[flow_run.id] = flow_run
        self.tell("run", id=str(flow_run.id), name=flow_run.name, state="Started", message="")
        try:
            return await super().run(flow_run, configuration, task_status)
        finally:
            with suppress(Exception):  # what it is called by now, and how it ended, is told where it can be known
                await self._tell_end(flow_run)
            self.running.pop(flow_run.id, None)

    async def _tell_end(self, flow_run: FlowRun) -> None:
        now = await self.client.read_flow_run(flow_run.id)
        state = now.state
        name, message = (state.name, state.message or "") if state else ("Unknown", "")
        self.tell("run", id=str(now.id), name=now.name, state=name, message=message)

    async def drain(self, hurry: asyncio.Event, why: str = "baton serve was stopped") -> None:
        """Take nothing new, ask what runs to stop, and wait until it has. `why` is what the engine is told."""
        self.draining = True
        until, asked = time.monotonic() + GRACE, set[UUID]()
        self.tell("stopping", runs=len(self.running))
        while self.running and time.monotonic() < until and not hurry.is_set():
            for one in self.running.keys() - asked:
                asked.add(one)
                try:
                    await self.client.set_flow_run_state(one, Cancelling(message=why))
                except Exception as error:  # an engine that is away: the end of this worker stops them
                    sys.stderr.write(f"{one} cannot be cancelled: {error}\n")
            await asyncio.sleep(LOOK_EVERY)
        for one, run in list(self.running.items()):
            self.tell("run", id=str(one), name=run.name, state="Killed", message="it did not stop in time")
            with suppress(Exception):
                words = f"{why} and this run did not end in time; run it again: it goes on where it was"
                await self.client.set_flow_run_state(one, Crashed(message=words), force=True)


Worker.type = ProcessWorker.type  # it is one, for pools of that type


def asked_to_end() -> tuple[asyncio.Event, asyncio.Event]:
    """(set by the first SIGTERM or SIGINT, set by the second) in the loop that runs."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def ask() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    return stop, hurry


async def serve(prefect_file: Path, tell: Tell) -> int:
    """Deploy, work until asked to end, drain."""
    stop, hurry = asked_to_end()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), _at_end_of_input, loop, stop)
    worker = Worker(tell)
    working = asyncio.create_task(worker.start(printer=lambda *_: None))
    deploying = asyncio.create_task(_deploy(prefect_file, tell))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping, deploying}, return_when=asyncio.FIRST_COMPLETED)
        if deploying.done() and not deploying.result():
            return 1
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()  # raises what ended it
            return 1
        await worker.drain(hurry)
        return 0
    finally:
        worker.forks.close()
        deploying.cancel()
        working.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await working


def _at_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stop.set()


async def _deploy(prefect_file: Path, tell: Tell) -> bool:
    """What `prefect --no-prompt deploy --all` does with our own prefect.yaml, once the pool is there."""
    from flows.deploying import deploy, ensure_pool

    await asyncio.to_thread(ensure_pool)
    for attempt in range(1, DEPLOY_ATTEMPTS + 1):  # it is idempotent, and a busy server answers 503 now and then
        code, output = await deploy(prefect_file)
        if not code:
            break
        if attempt == DEPLOY_ATTEMPTS:
            lines = [line.strip(" │") for line in output.splitlines() if line.strip(" │╭╮╰╯─")]
            sys.stderr.write(output)
            words = next((line for line in reversed(lines) if "rror" in line), lines[-1] if lines else "")
            tell("error", message=f"the verbs cannot be deployed: {words}")
            return False
    tell("deployed", names=await asyncio.to_thread(_names))
    return True


def _names() -> list[str]:
    from flows.client import api, deployments

    with api() as client:
        return deployments(client)


def main() -> int:
    """`python -P -m flows.worker PREFECT_FILE FD`."""
    out = os.fdopen(int(sys.argv[2]), "w", buffering=1)
    os.set_inheritable(out.fileno(), False)

    def tell(type: str, **fields: Any) -> None:
        with suppress(OSError, ValueError):  # nobody listens any more: the work is done all the same
            out.write(json.dumps({"type": type, **fields}, ensure_ascii=True) + "\n")

    return asyncio.run(serve(Path(sys.argv[1]), tell))


if __name__ == "__main__":
    sys.exit(main())
