"""The minimal example from nothing to verified, changed in every way that matters, and down without a trace.

One environment lives through the whole file: every test leaves it as it found it, ready.
"""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

pytestmark = pytest.mark.timeout(600)

ENV = "story"
REF = f"minimal/{ENV}"
EXAMPLE = "examples/minimal"
EXPECTED: dict[str, Any] = yaml.safe_load(
    (Path(__file__).resolve().parents[3] / EXAMPLE / "expectations.yaml").read_text()
)


def up(baton: Any, *more: str, check: bool = True) -> Any:
    return baton("up", EXAMPLE, "--env", ENV, "--json", *more, check=check)


def host(baton: Any) -> dict[str, Any]:
    found = [h for h in baton("hosts", REF, "--json").lines if h["name"] == "web-1"]
    assert len(found) == 1
    one: dict[str, Any] = found[0]
    return one


def ec2(baton: Any) -> Any:
    import json

    d = json.loads((baton.home / "cloud" / "cloud.json").read_text())
    return boto3.client("ec2", endpoint_url=d["endpoint_url"], region_name=d["region"],
                        aws_access_key_id=d["access_key"], aws_secret_access_key=d["secret_key"])  # fmt: skip


@pytest.fixture(autouse=True)
def _standing(request: pytest.FixtureRequest) -> None:
    """Each test of this file may run alone: what it stands on is brought up first."""
    baton = request.getfixturevalue("baton")
    if request.node.name != "test_from_nothing_to_verified":
        up(baton)


def test_from_nothing_to_verified(baton: Any) -> None:
    ran = up(baton)
    result = ran.result
    assert result["phase"] == "ready"
    assert {h["name"] for h in result["hosts"]} == set(EXPECTED["hosts"])
    assert {name: c["passed"] for name, c in result["checks"].items()} == dict.fromkeys(EXPECTED["checks"], True)
    address = host(baton)["public_address"]
    for port in EXPECTED["open_from_outside"]:
        assert baton.dial_outside(address, port) == "open"
    for port in EXPECTED["closed_from_outside"]:
        assert baton.dial_outside(address, port) in ("refused", "timeout")
    assert "web-1" in baton("ssh", REF, "web-1", "--", "curl", "-s", "localhost").out
    status = baton("status", REF, "--json").lines[0]
    assert (status["phase"], status["locked_by"]) == ("ready", "")
    head = f"{REF}@{result['ledger']['seq']}:{result['ledger']['hash']}"
    assert baton("audit", "head").out.splitlines()[0] == head
    assert f"{REF} is whole" in baton("audit", "verify", "--head", head).out


def test_a_second_up_changes_nothing(baton: Any) -> None:
    ran = up(baton)
    assert ran.result["changed"] is False
    assert ran.finished("plan") == ["plan:main"]
    assert ran.finished("apply") == []
    assert ran.finished("configure") == []
    assert len(ran.finished("verify")) == len(EXPECTED["checks"])


def test_a_changed_role_reconfigures_the_host(baton: Any, project: Path) -> None:
    role = next((project / "playbooks" / "roles" / "web").rglob("*.j2"))
    site = project / EXAMPLE / "site.yml"
    site.write_text(site.read_text().replace("- web\n", "- web\n  post_tasks:\n    - name: Leave a mark\n"
                    "      ansible.builtin.copy: {content: changed, dest: /etc/changed, mode: '0644'}\n"))  # fmt: skip
    assert role.is_file()
    before = host(baton)
    ran = up(baton)
    assert ran.finished("apply") == []
    assert len(ran.finished("configure")) == 1
    assert baton("ssh", REF, "web-1", "--", "cat", "/etc/changed").out == "changed"
    assert host(baton)["id"] == before["id"]


def test_a_changed_input_changes_what_the_service_says(baton: Any) -> None:
    ran = up(baton, "--input", "greeting=Changed")
    assert ran.finished("apply") == []
    assert len(ran.finished("configure")) == 1
    assert "Changed" in ran.result["checks"]["greets"]["summary"] or ran.result["checks"]["greets"]["passed"]


def test_a_host_terminated_behind_our_back_is_made_again_trusted_anew_and_configured(baton: Any) -> None:
    before = host(baton)
    client = ec2(baton)
    client.terminate_instances(InstanceIds=[before["id"]])
    client.get_waiter("instance_terminated").wait(InstanceIds=[before["id"]], WaiterConfig={"Delay": 1})
    ran = up(baton)
    after = host(baton)
    assert after["id"] != before["id"]
    assert after["host_key"] != before["host_key"]
    assert len(ran.finished("configure")) == 1
    assert ran.result["phase"] == "ready"


@pytest.mark.parametrize("moment", ["apply:main", pytest.param("configure:web", marks=pytest.mark.long)])
def test_killed_in_the_middle_and_run_again_it_ends_right(baton: Any, moment: str) -> None:
    baton("down", REF)
    process = baton.start("up", EXAMPLE, "--env", ENV, "--json")
    assert process.stdout is not None
    for line in process.stdout:
        if '"type": "step.started"' in line and f'"step": "{moment}' in line:
            break
    time.sleep(1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    ran = up(baton)
    assert ran.result["phase"] == "ready"
    instances = [
        i["InstanceId"]
        for r in ec2(baton).describe_instances(
            Filters=[
                {"Name": "tag:baton:environment", "Values": [REF]},
                {"Name": "instance-state-name", "Values": ["pending", "running"]},
            ]
        )["Reservations"]
        for i in r["Instances"]
    ]
    assert instances == [host(baton)["id"]]


def test_down_leaves_nothing(baton: Any) -> None:
    instance = host(baton)["id"]
    ran = baton("down", REF, "--json")
    assert ran.result["phase"] == "destroyed"
    assert ran.result["proof"]["left"] == []
    assert baton("hosts", REF, "--json").lines == []
    assert not (baton.home / "environments" / "minimal" / ENV).exists()
    assert ec2(baton).describe_vpcs(Filters=[{"Name": "tag:baton:environment", "Values": [REF]}])["Vpcs"] == []
    assert not [line for line in processes() if instance in line]
    mounts = Path("/proc/self/mounts").read_text()
    assert instance not in mounts
    again = baton("down", REF, "--json")
    assert again.result["phase"] == "destroyed"


def processes() -> list[str]:
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
