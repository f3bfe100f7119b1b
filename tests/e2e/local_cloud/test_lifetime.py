"""The cloud comes up, goes down without a trace, and repairs what a kill left behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError


def traces(home: Path) -> dict[str, set[str]]:
    """What a cloud could leave on the machine, by kind."""
    links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    named = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    namespaces: set[str] = set()
    for entry in Path("/proc").glob("[0-9]*/ns/*"):
        try:
            namespaces.add(str(entry.readlink()))
        except OSError:
            continue  # its process has ended
    return {
        "links": {line.split()[0] for line in links.splitlines()},
        "named namespaces": set(named.split()),
        "namespaces": namespaces,
        "mounts": set(Path("/proc/self/mountinfo").read_text().splitlines()),
        "files": {str(path) for path in home.rglob("*")} if home.exists() else set(),
    }


def busy(cloud: Any, make_vpc: Any) -> str:
    """A cloud with something in it: an instance in a VPC."""
    vpc = make_vpc(cloud)
    return str(vpc.host(vpc.group("ssh")))


def test_down_leaves_nothing(own_cloud: Any, make_vpc: Any) -> None:
    own_cloud.run("down")
    before = traces(own_cloud.home)
    own_cloud.run("up")
    own_cloud.client().import_key_pair(
        KeyName="tests", PublicKeyMaterial=own_cloud.key.with_suffix(".pub").read_bytes()
    )
    busy(own_cloud, make_vpc)
    description = own_cloud.description
    during = traces(own_cloud.home)
    assert during["namespaces"] > before["namespaces"]
    said = own_cloud.run("down").stdout
    assert "no process" in said
    after = traces(own_cloud.home)
    for kind in ("links", "named namespaces", "mounts", "files"):
        assert after[kind] == before[kind], kind
    made = {f"{kind}:[{inode}]" for kind, inode in description["namespaces"].items()}
    assert not made & after["namespaces"]
    assert not own_cloud.outer_processes_of(description)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(description["endpoint_url"], timeout=2)


def test_a_killed_daemon_takes_everything_with_it_and_the_next_up_says_what_was_lost(
    own_cloud: Any, make_vpc: Any, until: Any
) -> None:
    host = busy(own_cloud, make_vpc)
    description = own_cloud.description
    os.kill(description["pid"], signal.SIGKILL)
    until(lambda: not own_cloud.outer_processes_of(description))
    listed = own_cloud.run("ls", check=False)
    assert listed.returncode == 1
    assert "region is lost" in listed.stderr
    assert host in listed.stderr
    again = own_cloud.run("up")
    assert "region is lost" in again.stderr
    assert own_cloud.description["boot_id"] != description["boot_id"]
    assert own_cloud.run("ls", "--json").stdout == ""
    assert not any((own_cloud.home / "hosts").iterdir())
    own_cloud.client().import_key_pair(
        KeyName="tests", PublicKeyMaterial=own_cloud.key.with_suffix(".pub").read_bytes()
    )
    busy(own_cloud, make_vpc)


def test_a_kill_of_all_its_processes_at_once_is_repaired_by_the_next_up(
    own_cloud: Any, make_vpc: Any, until: Any
) -> None:
    busy(own_cloud, make_vpc)
    description = own_cloud.description
    for pid in (description["pid"], *sorted(own_cloud.outer_processes_of(description))):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    until(lambda: not own_cloud.outer_processes_of(description))
    assert any((own_cloud.home / "hosts").iterdir()), "nobody was left to clean up"
    own_cloud.run("up")
    assert not any((own_cloud.home / "hosts").iterdir())


def test_down_after_a_kill_leaves_nothing_either(own_cloud: Any, make_vpc: Any, until: Any) -> None:
    busy(own_cloud, make_vpc)
    description = own_cloud.description
    for pid in (description["pid"], *sorted(own_cloud.outer_processes_of(description))):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    until(lambda: not own_cloud.outer_processes_of(description))
    own_cloud.run("down")
    assert not any((own_cloud.home / "hosts").iterdir())
    assert not (own_cloud.home / "cloud.json").exists()
    assert "lost" not in own_cloud.run("status", check=False).stdout


def test_up_twice_is_one_cloud_and_so_are_two_at_once(own_cloud: Any) -> None:
    boot = own_cloud.description["boot_id"]
    own_cloud.run("up")
    assert own_cloud.description["boot_id"] == boot
    own_cloud.run("down")
    own_cloud.run("down")
    together = [own_cloud.start("up") for _ in range(3)]
    said = [process.communicate(timeout=60)[0] for process in together]
    assert [process.returncode for process in together] == [0, 0, 0]
    assert len(set(said)) == 1


def test_what_it_writes_is_closed_to_others(cloud: Any) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(cloud.home) == 0o700
    assert mode(cloud.home / "cloud.json") == 0o600
    assert mode(cloud.home / "run") == 0o700
    assert mode(Path(cloud.description["broker"])) == 0o600


def test_the_api_listens_on_loopback_and_wants_its_access_key(cloud: Any, vpc: Any) -> None:
    endpoint = cloud.description["endpoint_url"]
    assert endpoint.startswith("http://127.0.0.1:")
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5)
    refused.value.close()
    stranger = cloud.client("ec2", aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
    with pytest.raises(ClientError, match="AuthFailure"):
        stranger.describe_vpcs()
    role = cloud.client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/tests", RoleSessionName="tests")
    assumed = cloud.client("ec2", aws_access_key_id=role["Credentials"]["AccessKeyId"])
    assert assumed.describe_vpcs(VpcIds=[vpc.id])["Vpcs"]


def test_ls_says_what_runs_for_people_and_for_programs(cloud: Any, vpc: Any) -> None:
    tags = [{"Key": "Name", "Value": f"web-{vpc.id}"}, {"Key": "baton:environment", "Value": "shop/test"}]
    host = vpc.host(vpc.group("ssh"), TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])
    rows = [json.loads(line) for line in cloud.run("ls", "--json").stdout.splitlines()]
    row = next(row for row in rows if row["id"] == host)
    assert row["type"] == "instance"
    assert (row["name"], row["environment"], row["state"]) == (f"web-{vpc.id}", "shop/test", "running")
    assert f"web-{vpc.id}" in cloud.run("ls").stdout
    answer = cloud.run("ssh", "-i", str(cloud.key), f"web-{vpc.id}", "hostname")
    assert answer.stdout.startswith("ip-10-0-1-")
    assert cloud.run("ssh", f"web-{vpc.id}", "-i", str(cloud.key), "--", "uname", "-s").stdout == "Linux\n"
    assert cloud.run("exec", f"web-{vpc.id}", "sh", "-c", "exit 7", check=False).returncode == 7


def test_a_wrong_command_and_an_unknown_name_are_told_apart(cloud: Any) -> None:
    assert cloud.run("sideways", check=False).returncode == 64
    assert cloud.run("exec", "nobody", check=False).returncode == 64
    unknown = cloud.run("exec", "nobody", "--", "true", check=False)
    assert unknown.returncode == 1
    assert "There is no instance 'nobody'" in unknown.stderr
    assert "Traceback" not in unknown.stderr
