"""Where it all happens: a home with a local cloud and an engine of its own, and what can be asked of the cloud from beside."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from local_cloud import client, control
from local_cloud.errors import CloudError
from local_cloud.home import Description
from local_cloud.home import Home as CloudHome

ROOT = Path(__file__).resolve().parents[3]
BATON = str(Path(sys.executable).with_name("baton"))
FOREIGN = ("ANSIBLE_", "AWS_", "BATON_", "PREFECT_", "TF_VAR_", "TF_CLI_ARGS", "TF_LOG")
KEPT = ("BATON_CACHE", "BATON_MIRROR", "BATON_TERRAFORM")
FILES = ("begun", "word", "done")
LIVE = ("pending", "running", "stopping", "stopped")

LISTINGS: Mapping[str, tuple[str, str, str]] = {
    "aws_vpc": ("describe_vpcs", "Vpcs", "VpcId"),
    "aws_subnet": ("describe_subnets", "Subnets", "SubnetId"),
    "aws_security_group": ("describe_security_groups", "SecurityGroups", "GroupId"),
    "aws_route_table": ("describe_route_tables", "RouteTables", "RouteTableId"),
    "aws_key_pair": ("describe_key_pairs", "KeyPairs", "KeyName"),
    "aws_vpc_security_group_ingress_rule": (
        "describe_security_group_rules",
        "SecurityGroupRules",
        "SecurityGroupRuleId",
    ),
}
"""Terraform's type → how the cloud is asked for all of them, and which field is Terraform's id."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A home, its cloud, and the question what is really there."""

    home: Path
    environ: Mapping[str, str]

    def baton(self, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """A command that nobody kills."""
        return subprocess.run(
            [BATON, *words],
            cwd=self.home,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def asked(self, *words: str) -> list[dict[str, Any]]:
        """The objects of a command's `--json`."""
        return [json.loads(line) for line in self.baton(*words, "--json").stdout.splitlines() if line.startswith("{")]

    @property
    def cloud(self) -> CloudHome:
        return CloudHome(self.home / "cloud", Path())

    @property
    def description(self) -> Description:
        description = control.running(self.cloud)
        assert description is not None, "the local cloud has ended"
        return description

    def ec2(self) -> Any:
        d = self.description
        return boto3.client("ec2", endpoint_url=d.endpoint_url, region_name=d.region,
                            aws_access_key_id=d.access_key, aws_secret_access_key=d.secret_key)  # fmt: skip

    def tagged(self, key: str, value: str) -> dict[str, set[str]]:
        """Terraform type → ids of what carries the tag and is not terminated. Types without any are left out."""
        ec2 = self.ec2()
        wanted = [{"Name": f"tag:{key}", "Values": [value]}]
        found = {"aws_instance": set(self.instances(key, value))}
        for kind, (ask, field, key_of) in LISTINGS.items():
            found[kind] = {str(one[key_of]) for one in getattr(ec2, ask)(Filters=wanted)[field]}
        return {kind: ids for kind, ids in found.items() if ids}

    def instances(self, key: str, value: str, states: Sequence[str] = LIVE) -> dict[str, str]:
        """Id → name of the instances that carry the tag."""
        filters = [{"Name": f"tag:{key}", "Values": [value]}, {"Name": "instance-state-name", "Values": list(states)}]
        found = self.ec2().describe_instances(Filters=filters)["Reservations"]
        return {i["InstanceId"]: _name(i) for r in found for i in r["Instances"]}

    def terminate(self, ids: Sequence[str]) -> None:
        if ids:
            self.ec2().terminate_instances(InstanceIds=list(ids))

    def words(self, id: str) -> tuple[str, ...]:
        """What the files of a host's configuration hold, in the order of their writing; read in the host, not through Ansible."""
        with contextlib.suppress(CloudError, OSError, subprocess.SubprocessError):
            _, descriptor = client.request(self.cloud, {"do": "enter", "id": id})
            assert descriptor is not None, "an answer that is ok carries it"
            try:
                return _read_inside(descriptor)
            finally:
                os.close(descriptor)
        return ()

    def whole(self, key: str, value: str) -> dict[str, str]:
        """Id → name of the hosts whose configuration is whole now."""
        return {one: name for one, name in self.instances(key, value).items() if len(set(self.words(one))) == 1}


def _read_inside(descriptor: int) -> tuple[str, ...]:
    pid = next(
        int(line.split()[1])
        for line in Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
        if line[:4] == "Pid:"
    )
    inside = ["nsenter", f"--target={pid}", "--user", "--mount", "--pid", "--root", "--wd", "--", "sh", "-c"]
    script = f'cd /etc/chaos && for file in {" ".join(FILES)}; do echo "$(cat $file)"; done'
    done = subprocess.run([*inside, script], capture_output=True, text=True, timeout=20, check=False)
    return tuple(done.stdout.splitlines()) if done.returncode == 0 else ()


def _name(instance: Mapping[str, Any]) -> str:
    return next((tag["Value"] for tag in instance.get("Tags", ()) if tag["Key"] == "Name"), "")


def state_ids(paths: Iterable[Path]) -> dict[str, set[str]]:
    """Terraform type → ids of the managed resources in these state files; the tainted ones too."""
    found: dict[str, set[str]] = {}
    for path in paths:
        if path.is_file() and path.stat().st_size:
            for resource in json.loads(path.read_text()).get("resources", ()):
                if resource["mode"] == "managed":
                    ids = {str(one["attributes"].get("id")) for one in resource["instances"]}
                    found[resource["type"]] = found.get(resource["type"], set()) | ids
    return found


def orphans(cloud: Mapping[str, set[str]], state: Mapping[str, set[str]]) -> list[str]:
    """What is in the cloud and in no state."""
    known = set().union(*state.values()) if state else set[str]()
    return sorted(f"{kind} {one}" for kind, ids in cloud.items() for one in ids - known)


@contextmanager
def ground() -> Iterator[Ground]:
    """A home whose cloud and engine run; everything of it is gone afterwards, also when somebody ends the program."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # behind a shell's `&` it is ignored, and by every child then
    home = Path(tempfile.mkdtemp(prefix="bc-", dir="/tmp"))  # short: sockets live below it
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN) or name in KEPT}
    environ = {**kept, "BATON_HOME": str(home), "BATON_CLOUD_HOME": str(home / "cloud"), "NO_COLOR": "1"}
    made = Ground(home, environ | {"BATON_CONFIG": str(home / "none.toml"), "PREFECT_HOME": str(home / "none")})
    try:
        for words in (("cloud", "up"), ("server", "start")):
            done = made.baton(*words, timeout=300)
            if done.returncode:
                sys.exit(f"baton {' '.join(words)}: {done.stderr}")
        yield made
    finally:
        for words in (("server", "stop"), ("cloud", "down")):
            with contextlib.suppress(subprocess.TimeoutExpired):
                made.baton(*words)
        shutil.rmtree(home, ignore_errors=True)
