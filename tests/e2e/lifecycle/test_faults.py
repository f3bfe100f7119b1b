"""Faults beside kills, met by one environment: each is outlived, or ends in words that say what to do and is continued by the next run.

One story, played once: an `up` through an API that throttles and fails, whose SSH connection breaks in the middle of a task; one
whose host dies while it is being configured; one that mends it.
"""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.faulty import Faulty, faulty

from .conftest import Baton, end

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]

ENV, REF, EXAMPLE = "faults", "minimal/faults", "examples/minimal"
HOLD = """- name: A task in the middle
  hosts: web
  become: true
  tasks:
    - name: Hold on
      ansible.builtin.command: sleep 4
      changed_when: false
"""


@dataclass(frozen=True)
class Through(Baton):
    """The command line, with a proxy between it and the cloud's API."""

    description: Path

    @property
    def environ(self) -> dict[str, str]:
        return super().environ | {"BATON_CLOUD": str(self.description)}


@dataclass(frozen=True)
class Story:
    """What was said, in the order in which it happened."""

    met: list[str]  # faults that the first `up` met at the API
    first: list[dict[str, Any]]
    second: list[dict[str, Any]]  # its host died
    status: dict[str, Any]  # after that
    third: Any


@pytest.fixture(scope="module")
def story(lasting: Baton) -> Iterator[Story]:
    baton = lasting
    blueprint = baton.directory / EXAMPLE / "blueprint.yaml"
    blueprint.write_text(blueprint.read_text().replace("  key: generate", "  ready_deadline: 20s\n  key: generate", 1))
    site = baton.directory / EXAMPLE / "site.yml"
    site.write_text(HOLD + site.read_text())
    baton("cloud", "up")
    description = json.loads((baton.home / "cloud" / "cloud.json").read_text())
    with faulty(description["endpoint_url"]) as proxy:
        through = baton.directory / "cloud.json"
        through.write_text(json.dumps(description | {"name": "local", "endpoint_url": proxy.url}))
        baton = Through(baton.home, baton.directory, through)
        ec2 = boto3.client("ec2", endpoint_url=description["endpoint_url"], region_name=description["region"],
                           aws_access_key_id=description["access_key"], aws_secret_access_key=description["secret_key"])  # fmt: skip
        throttle(proxy)
        first = up(baton, lambda host: cut_ssh(baton, host))
        met = [f"{fault} {request.partition('Action=')[2].partition('&')[0]}" for fault, request in proxy.met]
        proxy.works()
        second = up(baton, lambda host: ec2.terminate_instances(InstanceIds=[host]), "--input", "greeting=Again")
        status = baton("status", REF, "--json").lines[0]
        third = baton("up", EXAMPLE, "--env", ENV, "--json", "--input", "greeting=Again")
        yield Story(met, first, second, status, third)
        baton("down", REF)


def throttle(proxy: Faulty) -> None:
    """The import of a key pair is throttled, and five looks for instances fail."""
    plan = {"ImportKeyPair": [429], "DescribeInstances": [500] * 5}

    def fault(request: str) -> int | None:
        for action, faults in plan.items():
            if f"Action={action}&" in request and faults:
                return faults.pop()
        return None

    proxy.fault = fault


def up(baton: Baton, at_hold: Any, *more: str) -> list[dict[str, Any]]:
    """Everything that an `up` says; `at_hold` is given the host's id once it is in the middle of the first task."""
    process = baton.start("up", EXAMPLE, "--env", ENV, "--json", *more)
    lines: list[dict[str, Any]] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            with contextlib.suppress(ValueError):
                lines.append(json.loads(line))
            if at_hold and lines and lines[-1].get("task") == "Hold on":
                time.sleep(2)
                at_hold(
                    next(
                        said["step"].partition("@")[2]
                        for said in lines
                        if said.get("step", "").startswith("configure:")
                    )
                )
                at_hold = None
        process.wait(60)
    finally:
        end(process)
        process.communicate()
    assert at_hold is None, lines[-5:]
    return lines


def cut_ssh(baton: Baton, host: str) -> None:
    """End every SSH session on a host; the server goes on."""
    baton("cloud", "exec", host, "--", "sh", "-c", "kill $(pgrep -x sshd | grep -vx $(pgrep -o -x sshd))")


def of(lines: list[dict[str, Any]], type: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] == type]


def test_an_api_that_throttles_and_fails_for_a_moment_is_outlived(story: Story) -> None:
    assert story.met.count("429 ImportKeyPair") == 1
    assert story.met.count("500 DescribeInstances") == 5
    retried = [(line["step"], line["trouble"]) for line in of(story.first, "step.retried")]
    assert retried.count(("apply:main", "throttled")) == 1
    assert of(story.first, "result")[0]["phase"] == "ready"


def test_a_connection_that_breaks_in_the_middle_of_a_task_costs_the_host_one_more_try(story: Story) -> None:
    cut = [line for line in of(story.first, "step.retried") if line["step"].startswith("configure:web@")]
    assert [line["message"] for line in cut] == ["web-1: the connection broke; configured again in 2 s, once ready"]
    assert len(of(story.first, "task.unreachable")) == 1


def test_a_host_that_dies_while_it_is_configured_is_named_with_what_became_of_it(story: Story) -> None:
    [error] = of(story.second, "error")
    assert error["exit_code"] == 1
    assert "web-1 unreachable in task 'Hold on'" in error["message"]
    assert "it did not come back: web-1 (i-" in error["message"]
    assert f"see:  baton logs {REF} --step configure:web" in error["hint"]
    assert story.status["phase"] == "failed"
    assert "greeting=Again" in story.status["next"]


def test_the_next_run_makes_the_host_anew_and_configures_it(story: Story) -> None:
    assert story.third.result["phase"] == "ready"
    assert len(story.third.finished("configure")) == 1
    assert of(story.third.lines, "step.retried") == []
