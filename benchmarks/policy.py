"""Policy over plans of 63, 1,008 and 10,017 resources: CPU seconds and peak memory. Prints; asserts nothing.

    python benchmarks/policy.py [--sizes 63,1008] [--rounds 3] [--checkov PATH] [--terraform-compliance PATH]

First the whole built-in pack alone. Then the same few rules (benchmarks/support/scanners.py) by Baton, by checkov and by
terraform-compliance, in turn, round after round; each of the two from an environment of its own, named or on PATH. What each
objects to is compared: a ratio is worth something only where that is the same.

The plans are made in this process, in the shape that the Terraform adapter reads them: what is measured is the judging. Each
measurement of Baton runs in a process of its own, and counts that whole process as it does for the others.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.policy.policies import engine
from benchmarks.support import scanners
from lifecycle.blueprint.loader import load_policy
from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.policy.facts import Facts, StackFacts

SIZES = (63, 1_008, 10_017)
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
    given = _arguments()
    if given.one:
        print(json.dumps(measure(given.one, given.equal)))
        return
    for size in given.sizes:
        ours = _own(size, equal=False)
        print(
            f"{size:>6} resources, the whole pack: {ours['seconds']:.3f} CPU s, {ours['findings']} findings, "
            f"peak {ours['peak']:.0f} MB, of that {ours['peak'] - ours['before']:.0f} MB for judging"
        )
    names = {"checkov": scanners.by_checkov, "terraform-compliance": scanners.by_compliance}
    paths = {name: scanners.installed(name, getattr(given, name.replace("-", "_"))) for name in names}
    others = {name: names[name](path) for name, path in paths.items() if path}
    for name in names.keys() - others.keys():
        print(f"{name}: not installed, not measured")
    print(f"\nthe same rules: {scanners.EQUAL}")
    for size in given.sizes if others else ():
        _compare(size, given.rounds, others)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=lambda text: [int(one) for one in text.split(",")], default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--checkov", default="")
    parser.add_argument("--terraform-compliance", default="")
    parser.add_argument("--one", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--equal", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _own(size: int, *, equal: bool) -> dict[str, Any]:
    argv = [sys.executable, "-m", "benchmarks.policy", "--one", str(size), *(["--equal"] if equal else [])]
    found: dict[str, Any] = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
    return found


def _compare(size: int, rounds: int, others: Mapping[str, scanners.Scan]) -> None:
    """Baton and the others in turn, so that what else the machine does meets all of them."""
    made, ours = facts(size), list[dict[str, Any]]()
    theirs: dict[str, list[scanners.Scanned]] = {name: [] for name in others}
    for _ in range(rounds):
        ours.append(_own(size, equal=True))
        for name, scan in others.items():
            theirs[name].append(scan(made))
    judging = statistics.median(one["seconds"] for one in ours)
    whole = statistics.median(one["process"] for one in ours)
    print(f"{size:>6} resources, median of {rounds}: judging {judging:.3f} CPU s, the whole process {whole:.1f}")
    for name, scans in theirs.items():
        cpu, peak = statistics.median(s.cpu for s in scans), max(s.peak for s in scans)
        same = "the same resources" if scans[0].found == set(ours[0]["objects_to"]) else "OTHER resources"
        print(
            f"{'':>6} {name:21} {cpu:.1f} CPU s = {cpu / judging:.0f} times the judging, {cpu / whole:.1f} times the process; "
            f"peak {peak:.0f} MB; objects to {same} ({len(scans[0].found)})"
        )


def measure(size: int, equal: bool) -> dict[str, Any]:
    """CPU seconds of judging and of this whole process, what is found, megabytes of this process before judging and at its peak."""
    made = facts(size)
    judge = engine(load_policy(scanners.POLICY if equal else POLICY), Path())
    before = _peak(resource.RUSAGE_SELF)
    start = time.process_time()
    found = judge.judge(made)
    end = time.process_time()
    return {
        "seconds": end - start,
        "process": end,
        "findings": len(found),
        "objects_to": sorted(scanners.objected(found)) if equal else [],
        "before": before,
        "peak": _peak(resource.RUSAGE_SELF),
    }


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
