"""A cloud of its own in a temporary home (the image cache is shared), and hands to use it with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from local_cloud.connect import ask

CHECKOUT = Path(__file__).parents[3]


def wait_for(what: Any, seconds: float = 15.0, every: float = 0.03) -> Any:
    """The first true value that `what()` gives; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(every)


@dataclass
class Cloud:
    """One local cloud and the ways to use it."""

    home: Path
    key: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, timeout: float = 180, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "local_cloud", *arguments],
            cwd=CHECKOUT,
            env={**os.environ, "BATON_CLOUD_HOME": str(self.home), **self.environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    @property
    def description(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.home / "cloud.json").read_text())
        return value

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that runs on its own; the caller waits for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "local_cloud", *arguments],
            cwd=CHECKOUT,
            env={**os.environ, "BATON_CLOUD_HOME": str(self.home), **self.environment},
            stdout=subprocess.PIPE,
            text=True,
        )

    def client(self, service: str = "ec2", **more: Any) -> Any:
        known = self.description
        settings: dict[str, Any] = {
            "endpoint_url": known["endpoint_url"],
            "region_name": known["region"],
            "aws_access_key_id": known["access_key"],
            "aws_secret_access_key": known["secret_key"],
        }
        make: Any = boto3.client
        return make(service, **settings | more)

    def ask(self, **question: Any) -> tuple[dict[str, Any], int | None]:
        return ask(self.description["broker"], question)

    def dial(self, timeout: float = 1.5, **question: Any) -> str:
        """ "open", or the broker's word for why not."""
        answer, descriptor = self.ask(timeout=timeout, **question)
        if descriptor is not None:
            os.close(descriptor)
        return "open" if answer["ok"] else str(answer["error"])

    def on_host(self, id: str, script: str, timeout: float = 30) -> str:
        """What a shell script prints as root on the host (not through SSH)."""
        return self.run("exec", id, "--", "sh", "-c", script, timeout=timeout).stdout

    def ssh(self, id: str, command: str, user: str = "admin", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Through connect.py, the host key pinned from the console output as on AWS."""
        known_hosts = self.key.parent / f"known-{id}"
        known_hosts.write_text(f"{id} {self.host_key(id)}\n")
        proxy = self.description["proxy_command"].format(instance_id=id)
        options = [
            f"ProxyCommand={proxy}",
            "ProxyUseFdpass=yes",
            f"HostKeyAlias={id}",
            f"UserKnownHostsFile={known_hosts}",
        ]
        options += ["StrictHostKeyChecking=yes", "BatchMode=yes", "IdentitiesOnly=yes"]
        done = subprocess.run(
            [
                "ssh",
                "-F",
                "none",
                "-i",
                str(self.key),
                *(x for o in options for x in ("-o", o)),
                f"{user}@{id}",
                command,
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def host_key(self, id: str) -> str:
        def read() -> str:
            text = str(self.client().get_console_output(InstanceId=id).get("Output", ""))
            _, found, rest = text.rpartition("-----BEGIN SSH HOST KEY KEYS-----\n")
            return " ".join(rest.split()[:2]) if found else ""

        return str(wait_for(read))

    def instance(self, id: str) -> dict[str, Any]:
        found = self.client().describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]
        return dict(found)

    def await_state(self, id: str, state: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.instance(id)
            return found if found["State"]["Name"] == state else None

        return dict(wait_for(look))

    def await_user_data(self, id: str) -> None:
        self.on_host(id, "timeout 15 cloud-init status --wait")

    def networks(self) -> set[int]:
        """The network namespaces that processes of the cloud are in, or hold open."""
        found = set()
        for pid in self.outer_processes():
            found.add((Path("/proc") / str(pid) / "ns/net").stat().st_ino)
            for descriptor in (Path("/proc") / str(pid) / "fd").iterdir():
                try:
                    if str(descriptor.readlink()).startswith("net:["):
                        found.add(descriptor.stat().st_ino)
                except OSError:
                    continue  # closed while we looked
        return found

    def outer_processes(self) -> set[int]:
        """Processes in the cloud's user namespace, as the machine sees them."""
        return self.outer_processes_of(self.description)

    @staticmethod
    def outer_processes_of(description: dict[str, Any]) -> set[int]:
        return processes_in("user", {description["namespaces"]["user"]})


def processes_in(kind: str, inodes: set[int]) -> set[int]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "ns" / kind).stat().st_ino in inodes:
                found.add(int(entry.name))
        except OSError:
            continue
    return found


@dataclass
class Vpc:
    """A VPC with one subnet, on the internet if asked, and security groups by name."""

    cloud: Cloud
    cidr: str = "10.0.0.0/16"
    internet: bool = True

    def __post_init__(self) -> None:
        ec2 = self.ec2 = self.cloud.client()
        self.id = ec2.create_vpc(CidrBlock=self.cidr)["Vpc"]["VpcId"]
        base = ".".join(self.cidr.split(".")[:2])
        self.subnet = self.add_subnet(f"{base}.1.0/24")
        self.route_table = ec2.create_route_table(VpcId=self.id)["RouteTable"]["RouteTableId"]
        done = ec2.associate_route_table(RouteTableId=self.route_table, SubnetId=self.subnet)
        self.association = done["AssociationId"]
        if self.internet:
            self.connect_internet()

    def add_subnet(self, cidr: str) -> str:
        subnet = str(self.ec2.create_subnet(VpcId=self.id, CidrBlock=cidr)["Subnet"]["SubnetId"])
        self.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
        return subnet

    def connect_internet(self) -> None:
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.id)
        self.ec2.create_route(RouteTableId=self.route_table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)

    def group(self, name: str, *rules: dict[str, Any]) -> str:
        group = str(self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.id)["GroupId"])
        self.allow(group, tcp(22, self.cidr), *rules)
        return group

    def allow(self, group: str, *rules: dict[str, Any]) -> None:
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=list(rules))

    def revoke(self, group: str, *rules: dict[str, Any]) -> None:
        self.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=list(rules))

    def launch(self, *groups: str, count: int = 1, user_data: str = "", wait: bool = True, **more: Any) -> list[str]:
        request: dict[str, Any] = {
            "SubnetId": self.subnet,
            "SecurityGroupIds": list(groups),
            "KeyName": "tests",
            **more,
        }
        done = self.ec2.run_instances(
            ImageId=image(self.ec2),
            MinCount=count,
            MaxCount=count,
            InstanceType="t3.micro",
            UserData=user_data,
            **request,
        )
        ids = [instance["InstanceId"] for instance in done["Instances"]]
        for one in ids if wait else ():
            self.cloud.await_state(one, "running")
        return ids

    def host(self, *groups: str, **more: Any) -> str:
        return self.launch(*groups, **more)[0]


def tcp(port: int, source: str) -> dict[str, Any]:
    """A permission for one TCP port from a network, or from a group (sg-…)."""
    peer = (
        {"UserIdGroupPairs": [{"GroupId": source}]} if source.startswith("sg-") else {"IpRanges": [{"CidrIp": source}]}
    )
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}


def image(ec2: Any) -> str:
    filters = [{"Name": "name", "Values": ["debian-12-amd64-*"]}]
    return str(ec2.describe_images(Owners=["136693071363"], Filters=filters)["Images"][0]["ImageId"])


def _start(folder: Path) -> Cloud:
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    cloud = Cloud(folder / "home", key)
    cloud.run("up", timeout=600)
    cloud.client().import_key_pair(KeyName="tests", PublicKeyMaterial=key.with_suffix(".pub").read_bytes())
    return cloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud that tests share; each makes its own VPC."""
    started = _start(tmp_path_factory.mktemp("cloud"))
    yield started
    started.run("down")


@pytest.fixture
def own_cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud that a test may break."""
    started = _start(tmp_path)
    yield started
    started.run("down")


@pytest.fixture
def vpc(cloud: Cloud) -> Vpc:
    return Vpc(cloud)


@pytest.fixture
def make_vpc() -> type[Vpc]:
    return Vpc


@pytest.fixture
def tcp_rule() -> Any:
    return tcp


@pytest.fixture
def until() -> Any:
    return wait_for
