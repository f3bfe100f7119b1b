"""Cancelled, timed out, killed: the state is saved, the lock is free, nothing is left, and running again ends right."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.process.runner import ToolBusy
from adapters.terraform.failures import TerraformTimedOut
from adapters.terraform.workdir import BACKEND
from lifecycle.plan import Action
from lifecycle.ports import Cancellation, Cancelled, Run

SLOW = """
variable "pause" {}
resource "terraform_data" "quick" {
  input = "x"
}
resource "terraform_data" "slow" {
  input = terraform_data.quick.id
  provisioner "local-exec" {
    command = "sleep ${var.pause}"
  }
}
"""
CALLER = """
import os, sys
from pathlib import Path
from adapters.terraform.adapter import TerraformProvisioner
from lifecycle.environment import EnvironmentRef
from lifecycle.ports import Run, StackSpec
root, source = map(Path, sys.argv[1:])
stack = StackSpec(EnvironmentRef("shop", "dev"), "web", source, {"pause": 60})
provisioner = TerraformProvisioner(root, b"the store's key", inherited={"PATH": os.environ["PATH"], "HOME": str(root)})
provisioner.apply(stack, provisioner.plan(stack, Run()), Run(say=lambda kind, message, **_: print(kind, message, flush=True)))
"""


@pytest.fixture
def slow(desk: Any) -> Any:
    desk.write(SLOW)
    desk.given(pause=60)
    return desk


def finish(desk: Any) -> None:
    """Run again without the pause: everything gets done, and then there is nothing to do."""
    desk.given(pause=0)
    assert "terraform_data.quick" in desk.resources()
    changed = desk.apply().changed
    assert "terraform_data.quick" not in changed, "what was done is done again"
    assert "terraform_data.slow" in changed
    assert not desk.plan().applyable
    desk.destroy()
    assert desk.resources() == []


def test_a_cancelled_apply_stops_gracefully_and_can_be_run_again(slow: Any) -> None:
    plan = slow.plan()
    cancel = Cancellation()

    def say(kind: str, message: str, **_: Any) -> None:
        if (kind, message.split(maxsplit=1)[0]) == ("resource.started", "terraform_data.slow"):
            cancel.request("somebody pressed Ctrl-C")

    with pytest.raises(Cancelled, match="pressed Ctrl-C"):
        slow.provisioner.apply(slow.stack, plan, Run(say, cancel))
    finish(slow)


def test_an_apply_past_its_deadline_is_stopped_and_can_be_run_again(slow: Any) -> None:
    plan = slow.plan()
    with pytest.raises(TerraformTimedOut, match="did not end within"):
        slow.provisioner.apply(slow.stack, plan, replace(slow.run(), deadline=timedelta(seconds=8)))
    finish(slow)


def test_a_caller_killed_in_the_middle_leaves_a_saved_state_and_no_process(slow: Any) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    argv = [sys.executable, "-c", CALLER, str(slow.root), str(slow.stack.source)]
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True) as caller:
        assert caller.stdout is not None
        for line in caller.stdout:
            if line.startswith("resource.started terraform_data.slow"):
                break
        supervisor, tool = holder(slow.work / "tool.lock")
        caller.kill()
    finish(slow)  # waits for the Terraform that is still finishing
    assert state(supervisor) in ("gone", "Z"), "somebody else has to reap it"
    assert state(tool) in ("gone", "Z")
    assert "sleep" not in "".join(commands_in(slow.work))


def test_a_second_terraform_on_the_same_stack_is_refused_while_the_first_works(make_desk: Any) -> None:
    desk = make_desk(lock_wait=timedelta(0), concurrency=2)
    desk.write(SLOW)
    desk.given(pause=60)
    plan, cancel, started = desk.plan(), Cancellation(), threading.Event()

    def say(kind: str, message: str, **_: Any) -> None:
        if message.startswith("terraform_data.slow"):
            started.set()

    def first() -> None:
        with pytest.raises(Cancelled):
            desk.provisioner.apply(desk.stack, plan, Run(say, cancel))

    thread = threading.Thread(target=first)
    thread.start()
    try:
        assert started.wait(30)
        with pytest.raises(ToolBusy, match=r"still at work here: terraform \(process \d+"):
            desk.plan()
    finally:
        cancel.request()
        thread.join(60)


def holder(lock: Path) -> tuple[int, int]:
    import json

    found = json.loads(lock.read_text())
    os.kill(found["tool"], signal.SIG_DFL)  # it lives
    return found["pid"], found["tool"]


def state(pid: int) -> str:
    """The state letter of a process (proc_pid_stat(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def commands_in(folder: Path) -> list[str]:
    """Command lines of processes whose current directory is below a folder."""
    found = []
    for cwd in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if cwd.readlink().is_relative_to(folder):
                found.append((cwd.parent / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_a_state_that_the_backend_did_not_take_is_pushed_back_before_anything_is_made_again(desk: Any) -> None:
    """Terraform leaves it as errored.tfstate beside the module; here it is laid there as an apply without its backend does."""
    one, two = (f'resource "terraform_data" "{name}" {{}}\n' for name in ("one", "two"))
    desk.write(one)
    desk.apply()
    state = desk.work / "terraform.tfstate"
    before = state.read_text()
    desk.write(one + two)
    desk.apply()
    (override,) = desk.work.rglob(BACKEND)
    (override.parent / "errored.tfstate").write_text(state.read_text())
    state.write_text(before)

    assert not desk.plan().applyable
    assert desk.resources() == ["terraform_data.one", "terraform_data.two"]
    assert "stack.pushed" in [kind for kind, _ in desk.said]
    assert not (override.parent / "errored.tfstate").exists()


def test_what_exists_is_taken_over_and_what_was_only_interrupted_is_kept(desk: Any) -> None:
    desk.write('resource "terraform_data" "one" {}\n')
    desk.provisioner.adopt(desk.stack, "terraform_data.one", "an-id-of-its-own", desk.run())
    assert not desk.plan().applyable
    assert desk.resources() == ["terraform_data.one"]

    state = desk.work / "terraform.tfstate"
    document = json.loads(state.read_text())
    document["resources"][0]["instances"][0]["status"] = "tainted"
    state.write_text(json.dumps(document))
    (change,) = desk.plan().changes
    assert (change.action, change.tainted) == (Action.REPLACE, True)
    desk.provisioner.keep(desk.stack, "terraform_data.one", desk.run())
    assert not desk.plan().applyable


def test_one_with_a_provisioner_is_never_told_as_only_interrupted(desk: Any) -> None:
    """What its provisioner was to do may be missing: it has to be made anew."""
    desk.write('resource "terraform_data" "one" {\n  provisioner "local-exec" {\n    command = "true"\n  }\n}\n')
    desk.apply()
    state = desk.work / "terraform.tfstate"
    document = json.loads(state.read_text())
    document["resources"][0]["instances"][0]["status"] = "tainted"
    state.write_text(json.dumps(document))
    (change,) = desk.plan().changes
    assert (change.action, change.tainted) == (Action.REPLACE, False)
