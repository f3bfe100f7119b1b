"""Somebody who holds a state's lock, and how they die."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.terraform.settings import Deadlines
from adapters.terraform.statelock import journalled
from adapters.terraform.workdir import Workdir
from lifecycle.blueprint.backend import S3

CALLER = """
import json, os, sys
from pathlib import Path
from adapters.terraform.adapter import TerraformProvisioner
from adapters.terraform.settings import TerraformSettings
from lifecycle.blueprint.backend import S3
from lifecycle.environment import EnvironmentRef
from lifecycle.ports import Run, StackSpec
root, source, cloud, bucket = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), json.loads(sys.argv[4])
settings = TerraformSettings(bucket=bucket and S3.model_validate(bucket))
stack = StackSpec(EnvironmentRef("shop", "dev"), "web", source, {"pause": 60})
provisioner = TerraformProvisioner(root, b"the store's key", cloud, settings, {"PATH": os.environ["PATH"], "HOME": str(root)})
provisioner.apply(stack, provisioner.plan(stack, Run()), Run())
"""
SOON = Deadlines(state_lock=timedelta(seconds=1))


@contextmanager
def at_work(desk: Any, cloud: Mapping[str, str], bucket: S3 | None = None) -> Iterator[dict[str, int]]:
    """Somebody's apply in the middle of its slow resource, its lock's id written down; the pids of what works there."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    given = [json.dumps(dict(cloud)), json.dumps(bucket and bucket.model_dump())]
    argv = [sys.executable, "-c", CALLER, str(desk.root), str(desk.stack.source), *given]
    with subprocess.Popen(argv, env=env, start_new_session=True) as caller:
        try:
            known = Workdir(desk.work)
            until = time.monotonic() + 60
            while (held := journalled(known)) is None or held.command != "apply":
                assert caller.poll() is None
                assert time.monotonic() < until
                time.sleep(0.1)
            holder = json.loads((desk.work / "tool.lock").read_text())
            yield {"caller": caller.pid, "supervisor": holder["pid"], "tool": holder["tool"]}
        finally:
            caller.kill()


def power_cut(pids: Mapping[str, int]) -> None:
    """Everything dies at once: nobody has time to release anything."""
    os.kill(pids["supervisor"], signal.SIGSTOP)  # it would see the tool die, and tell the caller
    os.killpg(pids["tool"], signal.SIGKILL)
    for who in ("caller", "supervisor"):
        os.kill(pids[who], signal.SIGKILL)


def lock_of(bucket: Any) -> dict[str, Any] | None:
    found = [o for o in bucket.objects.all() if o.key.endswith(".tflock")]
    return json.loads(found[0].get()["Body"].read()) if found else None
