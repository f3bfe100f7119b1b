"""A run in a process of its own, to be paused: `python -m tests.support.holder STORE_URL DIRECTORY HEARTBEAT`.

The real loop, lock, store and process runner around a world in memory. Its first apply runs a tool: in the directory,
`asked` says that it is about to, `go` lets it, `tool` holds the tool's process id.
"""

import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from adapters.fake.driving import ports_for, shop, world_of_shop
from adapters.fake.provisioner import FakeProvisioner
from adapters.fake.world import FakeWorld
from adapters.process.owner import current_owner, gone
from adapters.process.runner import Command, run
from adapters.store.store import open_store
from lifecycle.environment import Environment, Phase
from lifecycle.errors import BatonError
from lifecycle.holding import holding
from lifecycle.perform import perform
from lifecycle.plan import Applied, Plan
from lifecycle.ports import Cancellation, Run, StackSpec

LEASE = timedelta(seconds=1)
HASTE = timedelta(seconds=1)


class WithATool(FakeProvisioner):
    def __init__(self, world: FakeWorld, directory: Path) -> None:
        super().__init__(world)
        self.directory = directory

    def apply(self, stack: StackSpec, plan: Plan, run_: Run) -> Applied:
        (self.directory / "asked").touch()
        while not (self.directory / "go").exists():
            time.sleep(0.01)
        script = "trap '' INT; echo $$ > tool.new; mv tool.new tool; while :; do sleep 0.1; done"
        run(Command(["sh", "-c", script], self.directory, {"PATH": "/usr/bin:/bin"}), cancel=run_.cancel)
        return super().apply(stack, plan, run_)


def main(url: str, directory: Path, heartbeat: float) -> int:
    """The run's exit code; its error is printed."""
    world, cancel, desired = world_of_shop(), Cancellation(), shop()
    with open_store(url, key_path=directory / "key", gone=gone) as store:
        ports = replace(ports_for(world), store=store, provisioner=WithATool(world, directory))
        now = ports.clock.now()
        beat = timedelta(seconds=heartbeat)
        try:
            with holding(store, desired.ref, current_owner(), cancel, lease=LEASE, heartbeat=beat, haste=HASTE) as lock:
                environment = Environment(desired.ref, Phase.NEW, now, now)
                perform(desired, ports, lambda _, act: act(), lock=lock, environment=environment, cancel=cancel)
        except BatonError as error:
            print(error.message, error.hint, sep="\n", flush=True)
            return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
