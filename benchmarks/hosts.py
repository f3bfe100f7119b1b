"""How fast and how small a host of the local cloud is: creation to SSH banner, memory, disk. Prints; judges nothing.

    python benchmarks/hosts.py [--rounds 5] [--many 10]

It starts a cloud of its own in a temporary home (the base image comes from the cache) and takes it down again.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import boto3

from benchmarks.support import memory
from local_cloud import control
from local_cloud.connect import ask
from local_cloud.home import Home, read_description


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        home = Home(Path(folder) / "home", Home.default().cache)
        began = time.perf_counter()
        control.up(home, 0, lambda text: print(text, file=sys.stderr))
        print(f"cloud up (base image in the cache)          {time.perf_counter() - began:6.2f} s")
        try:
            measure(home, arguments.rounds, arguments.many)
        finally:
            control.down(home, print)
    return 0


def measure(home: Home, rounds: int, many: int) -> None:
    ec2, subnet, group = network(home)
    launch(home, ec2, subnet, group, 1)  # the first host of a VPC makes the VPC's network too
    for count in (1, many):
        times = [launch(home, ec2, subnet, group, count) for _ in range(rounds)]
        print(f"{count:3} host{'s' if count > 1 else ' '}: RunInstances to every SSH banner  {spread(times)} s")
    ids = [row["id"] for row in ask(str(home.broker), {"do": "list"})[0]["instances"]]
    time.sleep(1)
    known = read_description(home)
    assert known is not None
    spaces = memory.by_space()
    each = [spaces[memory.host_space(home, one)] / 1024 for one in ids]
    print(f"memory (PSS) of an idle host                {spread(each)} MB")
    print(f"disk of an idle host                        {spread([disk(home.hosts / one) for one in ids])} KB")
    print(f"the cloud itself: {len(ids)} hosts known, server     {spaces[known.namespaces['pid']] / 1024:6.0f} MB")


def network(home: Home) -> tuple[Any, str, str]:
    known = read_description(home)
    assert known is not None
    ec2: Any = boto3.client(
        "ec2",
        endpoint_url=known.endpoint_url,
        region_name=known.region,
        aws_access_key_id=known.access_key,
        aws_secret_access_key=known.secret_key,
    )
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="ssh", Description="ssh", VpcId=vpc)["GroupId"]
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ssh])
    return ec2, subnet, group


def launch(home: Home, ec2: Any, subnet: str, group: str, count: int) -> float:
    """Seconds from the API call until the last of `count` hosts has sent its banner through the broker."""
    began = time.perf_counter()
    image = "ami-0debian12bookworm0"
    done = ec2.run_instances(ImageId=image, MinCount=count, MaxCount=count, SubnetId=subnet, SecurityGroupIds=[group])
    for instance in done["Instances"]:
        while not banner(home, instance["InstanceId"]):
            time.sleep(0.005)
    return time.perf_counter() - began


def banner(home: Home, instance: str) -> bool:
    answer, descriptor = ask(str(home.broker), {"dial": "instance", "id": instance, "port": 22, "timeout": 1})
    if descriptor is None:
        return False
    with socket.socket(fileno=descriptor) as connection:
        return bool(answer["ok"]) and connection.recv(4) == b"SSH-"


def disk(folder: Path) -> float:
    """Kilobytes of blocks that a host's own layer takes."""
    return sum(path.lstat().st_blocks / 2 for path in folder.rglob("*"))


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):6.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    sys.exit(main())
