"""The same few rules for Baton, checkov and terraform-compliance, and how each of the others is run over a plan in a file."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.policy import checkov
from lifecycle.policy.facts import Facts
from lifecycle.policy.finding import Finding, Verdict

TYPES = ("aws_security_group", "aws_ebs_volume", "aws_s3_bucket_public_access_block")
EQUAL = "nobody reaches port 22 from everywhere; volumes are encrypted; buckets have all four public access blocks"
"""The rule set that all three are asked, in words."""
POLICY = """
rules:
  public-ingress: {ports: [80, 443]}
  encryption-at-rest:
  no-public-bucket:
"""
CHECKS = ("CKV_AWS_24", "CKV_AWS_3", "CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56")
FEATURE = """Feature: the same rules
  Scenario: nobody reaches port 22 from everywhere
    Given I have aws_security_group defined
    Then it must have ingress
    And it must not have tcp protocol and port 22 for 0.0.0.0/0
  Scenario: volumes are encrypted
    Given I have aws_ebs_volume defined
    Then it must have encrypted
    And its value must be true
""" + "".join(
    f"  Scenario: {name}\n    Given I have aws_s3_bucket_public_access_block defined\n    Then it must have {name}\n"
    "    And its value must be true\n"
    for name in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
)


@dataclass(frozen=True, slots=True)
class Scanned:
    """One scan of one plan: CPU seconds of the whole process, its peak in megabytes, and the resources that it objects to."""

    cpu: float
    peak: float
    found: frozenset[str]


Scan = Callable[[Facts], Scanned]


def by_checkov(binary: str) -> Scan:
    def scan(facts: Facts) -> Scanned:
        return _scanned(facts, checkov.command(binary, "plan.json", CHECKS), _checkov_found)

    return scan


def by_compliance(binary: str) -> Scan:
    def scan(facts: Facts) -> Scanned:
        return _scanned(facts, [binary, "--no-ansi", "-f", "rules", "-p", "plan.json"], _compliance_found)

    return scan


def objected(findings: Sequence[Finding]) -> frozenset[str]:
    """What Baton objects to, of the types that the equal rules are about."""
    return _of_types(f.address for f in findings if f.verdict is Verdict.DENY)


def _scanned(facts: Facts, argv: Sequence[str], found: Callable[[str], frozenset[str]]) -> Scanned:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rules").mkdir()
        (Path(folder) / "rules" / "equal.feature").write_text(FEATURE, encoding="utf-8")
        (Path(folder) / "plan.json").write_text(_document(facts), encoding="utf-8")
        with (Path(folder) / "said").open("w+") as said:
            process = subprocess.Popen(argv, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
            _, _, used = os.wait4(process.pid, 0)
            said.seek(0)
            text = said.read()
    return Scanned(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, found(text))


def _document(facts: Facts) -> str:
    """The plan as both take it: addresses without modules' keys are nothing to them, a configuration has to be there."""
    document = json.loads(checkov.document(facts.stacks[0]))
    resources = document["planned_values"]["root_module"]["resources"]
    return json.dumps(
        {**document, "configuration": {"root_module": {}}, "planned_values": {"root_module": {"resources": resources}}}
    )


def _checkov_found(text: str) -> frozenset[str]:
    told = json.loads(text[text.index("{") if "{" in text else 0 :])
    return _of_types(one["resource"] for one in told["results"]["failed_checks"])


def _compliance_found(text: str) -> frozenset[str]:
    return _of_types(re.findall(r"((?:module\.\S+\.)?aws_\w+\.\w+)", "\n".join(_failures(text))))


def _failures(text: str) -> list[str]:
    return [line for line in text.splitlines() if "Failure" in line or "failed" in line.lower() or "is not" in line]


def _of_types(addresses: Any) -> frozenset[str]:
    return frozenset(a for a in addresses if any(f"{kind}." in a for kind in TYPES))


def installed(name: str, given: str) -> str | None:
    """The path of a scanner, named or on PATH."""
    return shutil.which(given or name)
