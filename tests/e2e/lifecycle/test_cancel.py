"""Stopped by a person or by the engine, in every phase: exit code 130, no lock, no process, and run again it ends right.

One environment lives through the whole file. What is stopped carries a mark in its environment that all of its children inherit.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.e2e.lifecycle.conftest import BATON, Baton, Ran, end

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]

ENV = "stopped"
REF = f"minimal/{ENV}"
EXAMPLE = "examples/minimal"
GONE = 10.0  # seconds that a tool's descendants may take to disappear after the run has ended

IN_ENGINE = """
import sys
from prefect import get_client
from prefect.states import Cancelling
with get_client(sync_client=True) as client:
    if sys.argv[1] == "cancel":
        client.set_flow_run_state(sys.argv[2], Cancelling())
    print(client.read_flow_run(sys.argv[2]).state.name)
"""


class Stopped:
    """A command line to be stopped, and what it said."""

    def __init__(self, baton: Baton, *words: str) -> None:
        self.mark = f"stopped-by-a-test-{uuid.uuid4()}"
        self.given = shlex.join(words[2:])  # after the verb and the blueprint
        self.process = subprocess.Popen(
            [str(BATON), *words, "--json"],
            cwd=baton.directory,
            env=baton.environ | {"A_MARK": self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said: list[dict[str, Any]] = []

    def until(self, **fields: str) -> None:
        """Read on until an object with these fields is said; a value may stand anywhere in a text."""
        for one in self._objects():
            if all(value in str(one.get(name, "")) for name, value in fields.items()):
                return
        raise AssertionError(f"it ended without saying {fields}: {self.said[-3:]}")

    def press(self) -> None:
        """Ctrl-C, as a terminal sends it: to the group in the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)

    def ended(self, timeout: float = 60) -> Ran:
        for _ in self._objects():
            pass
        code = self.process.wait(timeout)
        return Ran(code, "\n".join(json.dumps(one) for one in self.said), "")

    def children(self) -> list[str]:
        """Command lines of what still carries the mark, once it had its time to go."""
        until = time.monotonic() + GONE
        while (left := list(self._marked())) and time.monotonic() < until:
            time.sleep(0.1)
        return left

    def _objects(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                self.said.append(json.loads(line))
                yield self.said[-1]

    def _marked(self) -> Iterator[str]:
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (path / "environ").read_bytes():
                    yield (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue


@pytest.fixture
def start(baton: Baton) -> Iterator[Any]:
    """Starts command lines to be stopped; cloud and engine, which outlive them, are there before."""
    baton("cloud", "up")
    baton("server", "start")
    started: list[Stopped] = []

    def start(*words: str) -> Stopped:
        started.append(Stopped(baton, *words))
        return started[-1]

    yield start
    for one in started:
        end(one.process)
        assert one.process.stdout is not None
        one.process.stdout.close()


def in_engine(baton: Baton, *words: str) -> str:
    """The state of a flow run, as the UI shows it; `cancel` presses the UI's button first."""
    lines = (line.removeprefix("export ").split("=", 1) for line in baton("server", "env").out.splitlines())
    environ = baton.environ | {name: value.strip("'") for name, value in lines}
    done = subprocess.run(
        [sys.executable, "-c", IN_ENGINE, *words], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def up(baton: Baton, *more: str) -> Ran:
    return baton("up", EXAMPLE, "--env", ENV, "--json", *more)


def instances(baton: Baton) -> list[str]:
    """Ids of the environment's instances that are not terminated, by tag."""
    d = json.loads((baton.home / "cloud" / "cloud.json").read_text())
    client = boto3.client("ec2", endpoint_url=d["endpoint_url"], region_name=d["region"],
                          aws_access_key_id=d["access_key"], aws_secret_access_key=d["secret_key"])  # fmt: skip
    found = client.describe_instances(Filters=[
        {"Name": "tag:baton:environment", "Values": [REF]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
    ])["Reservations"]  # fmt: skip
    return sorted(i["InstanceId"] for r in found for i in r["Instances"])


def stands(baton: Baton, ran: Ran) -> None:
    assert ran.result["phase"] == "ready"
    assert instances(baton) == [host["id"] for host in ran.result["hosts"]]


def stopped_well(baton: Baton, one: Stopped, reason: str = "SIGINT", *, free: bool = True) -> str:
    """The message of a run that was stopped as it should be; the lock is `free` where nobody waits for it."""
    ran = one.ended()
    # The second Ctrl-C may come when all is said already: dying of it is what a shell calls 130 too.
    assert ran.code in (130, -signal.SIGINT), one.said[-3:]
    assert one.children() == []
    (known,) = baton("status", REF, "--json").of("environment")
    assert f"(process {one.process.pid}" not in known["locked_by"]
    assert (known["locked_by"] == "") is free
    (error,) = ran.of("error")
    assert f"was interrupted ({reason})" in error["message"]
    assert (
        f"{one.given}` again to go on" in error["hint"]
    )  # with its inputs: without them another thing would be brought up
    return str(error["message"])


def test_ctrl_c_while_an_apply_works_saves_what_it_made(baton: Baton, start: Any) -> None:
    one = start("up", EXAMPLE, "--env", ENV)
    one.until(type="resource.started", message="aws_instance")
    time.sleep(0.5)  # the call that makes it may just be cut off: the instance is there, and no state knows it
    one.press()
    message = stopped_well(baton, one)
    assert "0 of 1 stack up, 0 of 1 configure step done, 0 of 3 checks passed; left to do: stack main" in message
    assert next(line["message"] for line in one.said if line["type"] == "run.stopping").startswith("stopping (SIGINT)")
    assert message.split(": ", 1)[1] in baton("status", REF, "--json").lines[0]["message"]
    made = instances(baton)
    stands(baton, up(baton))
    assert instances(baton) == made or not made  # taken over or kept, never made twice


def test_ctrl_c_while_it_plans_touches_nothing(baton: Baton, start: Any) -> None:
    before = instances(baton)
    one = start("up", EXAMPLE, "--env", ENV)
    one.until(type="step.started", step="plan:main")
    time.sleep(1)
    one.press()
    assert "left to do: stack main, configure web" in stopped_well(baton, one)
    assert instances(baton) == before


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_while_a_host_is_configured_keeps_the_host_and_finishes_it_next_time(
    baton: Baton, start: Any, times: int
) -> None:
    before = instances(baton) or [h["id"] for h in up(baton).result["hosts"]]
    one = start("up", EXAMPLE, "--env", ENV, "--input", f"greeting=Pressed {times}")
    one.until(type="task.started")
    one.press()
    if times == 2:
        time.sleep(1)
        one.press()
    message = stopped_well(baton, one)
    assert "1 of 1 stack up, 0 of 1 configure step done" in message
    assert "left to do: configure web (0 of 1 hosts), check greets" in message
    ran = up(baton, "--input", f"greeting=Pressed {times}")
    assert ran.finished("apply") == []
    assert len(ran.finished("configure")) == 1
    stands(baton, ran)
    assert instances(baton) == before


def test_cancel_in_the_engine_stops_a_run_in_a_process_of_ones_own(baton: Baton, start: Any) -> None:
    """And a second run is refused meanwhile, and a third waits for its turn and then does the work."""
    baton("down", REF, check=False)  # there is nothing yet where this test runs alone
    one = start("up", EXAMPLE, "--env", ENV)
    one.until(type="run.started")
    second, third = start("up", EXAMPLE, "--env", ENV), start("up", EXAMPLE, "--env", ENV, "--wait=5m")
    refused = second.ended()
    assert refused.code == 5
    (error,) = refused.of("error")
    holder = rf"{REF} is locked by \S+ on \S+ \(process {one.process.pid}, flow run [-0-9a-f]+\) since 2"
    assert re.match(holder, error["message"])
    third.until(type="lock.waiting", message=f"(process {one.process.pid}")
    one.until(type="resource.started", message="aws_vpc")
    assert in_engine(baton, "cancel", error["flow_run"]) == "Cancelling"
    stopped_well(baton, one, "cancelled in the engine", free=False)
    assert in_engine(baton, "show", error["flow_run"]) == "Cancelled"
    ran = third.ended(timeout=300)
    assert ran.code == 0
    stands(baton, ran)
