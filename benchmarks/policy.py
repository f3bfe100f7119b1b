"""The whole built-in pack over plans of 63, 1,008 and 10,017 resources: CPU seconds and peak memory. Prints; asserts nothing.

    python benchmarks/policy.py [CHECKOV]

The plans are made in this process, in the shape that the Terraform adapter reads them: what is measured is the judging. Each
size runs in a process of its own, so that one size's peak is not another's. Beside it checkov over the same plan, if it is
named or on PATH (with the checks that look at the same things; the rest of its pack would cost more).
"""

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from adapters.policy import checkov
from adapters.policy.policies import engine
from lifecycle.blueprint.loader import load_policy
from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.policy.facts import Facts, StackFacts

SIZES = (63, 1_008, 10_017)
CHECKS = ("CKV_AWS_3", "CKV_AWS_8", "CKV_AWS_16", "CKV_AWS_20", "CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_46", "CKV_AWS_260",
          "CKV2_AWS_6")  # fmt: skip
POLICY = """
rules:
  encryption-at-rest:
  no-public-bucket:
  public-ingress: {ports: [80, 443]}
  allowed-subnets: {subnets: [subnet-a*]}
  allowed-vpcs: {vpcs: [vpc-a], own: true}
  instance-types: {allow: [t3.*]}
  images: {allow: [ami-good]}
  required-tags: {tags: [owner, stage, ttl]}
  version-pins:
  max-instances: {limit: 10}
  max-monthly-cost: {limit: 500}
  max-lease: {limit: 7d}
  no-plaintext-secret:
  blast-radius: {hosts: 1, percent: 10}
  playbook-modules: {deny: [shell]}
  playbook-become:
  playbook-no-log:
"""


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(int(sys.argv[2]))))
        return
    scanner = shutil.which(sys.argv[1] if len(sys.argv) > 1 else "checkov")
    for size in SIZES:
        argv = [sys.executable, "-m", "benchmarks.policy", "--one", str(size)]
        ours = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
        print(
            f"{size:>6} resources: {ours['seconds']:.3f} CPU s, {ours['findings']} findings, "
            f"peak {ours['peak']:.0f} MB, of that {ours['peak'] - ours['before']:.0f} MB for judging"
        )
        if scanner:
            seconds, peak = scanned(scanner, size)
            print(
                f"{'':>6} checkov:   {seconds:.1f} CPU s ({seconds / ours['seconds']:.0f} times as much), peak {peak:.0f} MB"
            )


def measure(size: int) -> dict[str, float]:
    """CPU seconds of judging, how many findings, megabytes of this process before it and at its peak."""
    made = facts(size)
    judge = engine(load_policy(POLICY), Path())
    before = _peak(resource.RUSAGE_SELF)
    start = time.process_time()
    found = judge.judge(made)
    seconds = time.process_time() - start
    return {"seconds": seconds, "findings": len(found), "before": before, "peak": _peak(resource.RUSAGE_SELF)}


def scanned(binary: str, size: int) -> tuple[float, float]:
    """CPU seconds and peak megabytes of checkov over the same plan."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "plan.json").write_text(checkov.document(facts(size).stacks[0]), encoding="utf-8")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(checkov.command(binary, "plan.json", CHECKS), cwd=folder, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss / 1024


def facts(size: int) -> Facts:
    """An environment of so many resources; of each kind some break a rule, and some are unknown."""
    changes = tuple(change for index in range(-(-size // 9)) for change in _group(index))[:size]
    stack = StackFacts("main", Plan("main", "d", changes=changes), variables={"name": "x", "db_password": "***"})
    return Facts(date(2026, 6, 1), stacks=(stack,), monthly_cost=Decimal(499), lease=timedelta(days=3))


def _group(n: int) -> Iterator[ResourceChange]:
    """Nine resources as a module for one service makes them."""
    bad = n % 10 == 0
    port = 22 if bad else 443
    ingress = [
        {"protocol": "tcp", "from_port": port, "to_port": port, "cidr_blocks": ["0.0.0.0/0"], "ipv6_cidr_blocks": []}
    ]
    disk = [{"encrypted": not bad, "volume_size": 20, "volume_type": "gp3"}]
    instance = {"instance_type": "m5.large" if bad else "t3.micro", "ami": "ami-good", "root_block_device": disk,
                "user_data": "#!/bin/sh\napt-get install -y nginx\n" * 20}  # fmt: skip
    where = f'module.service["{n}"]'
    yield _made(f"{where}.aws_vpc.this", {"cidr_block": "10.0.0.0/16"}, n)
    yield _made(f"{where}.aws_subnet.this", {"cidr_block": "10.0.1.0/24"}, n, ("vpc_id",))
    yield _made(f"{where}.aws_security_group.this", {"ingress": ingress}, n, ("vpc_id",))
    yield _made(f"{where}.aws_instance.a", {**instance, "subnet_id": "subnet-a1"}, n)
    yield _made(f"{where}.aws_instance.b", instance, n, ("subnet_id",))
    yield _made(f"{where}.aws_ebs_volume.this", {"encrypted": not bad, "size": 100}, n)
    yield _made(f"{where}.aws_s3_bucket.this", {"bucket": f"data-{n}"}, n)
    yield _made(f"{where}.aws_s3_bucket_public_access_block.this", dict.fromkeys(
        ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"), True), n,
        ("bucket",))  # fmt: skip
    yield _made(f"{where}.aws_s3_bucket_server_side_encryption_configuration.this", {}, n, ("bucket",))


def _made(address: str, after: Mapping[str, object], n: int, unknown: tuple[str, ...] = ()) -> ResourceChange:
    kind = address.split(".")[-2]
    tags = {"owner": "a", "stage": "dev", **({"ttl": "3d"} if n % 20 else {})}
    values = {**after, **({} if "s3_bucket_" in kind else {"tags": tags, "tags_all": tags})}
    action = Action.CREATE if n % 3 else Action.NOOP
    return ResourceChange(
        address=address,
        type=kind,
        action=action,
        before=None if action is Action.CREATE else values,
        after=values,
        unknown=("id", "arn", "owner_id", *unknown),
        configured=frozenset({*after, *unknown, "tags"}),
        refers=frozenset({"module.service.aws_s3_bucket.this"} if "bucket" in unknown else ()),
        where="main.tf:1",
    )


def _peak(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1024


if __name__ == "__main__":
    main()
