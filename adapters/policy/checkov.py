"""Checkov as an external scanner: found on PATH or by a setting, run on a plan in a file, its JSON read into findings.

It is no dependency: it lives in an environment of its own. Without `--skip-download` it calls home. Source: checkov.io, "CLI
Command Reference", and recorded output (tests/unit/policy/samples, checkov 3.3).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from adapters.policy.tool import answer
from lifecycle.policy.broken import PolicyBroken
from lifecycle.policy.document import plan_document
from lifecycle.policy.facts import StackFacts
from lifecycle.policy.finding import Finding, Level, Verdict, refusal
from lifecycle.policy.planned import Planned

ENGINE: Final = "checkov"


def find(setting: str = "") -> str:
    """Checkov's path. Raises PolicyBroken where it is not installed."""
    found = shutil.which(setting or "checkov")
    if found is None:
        hint = "install it in an environment of its own (pipx install checkov), or name it by BATON_CHECKOV"
        raise PolicyBroken(f"there is no {setting or 'checkov on PATH'}", hint=hint)
    return found


def command(binary: str, plan: str, checks: Sequence[str]) -> list[str]:
    """The command line for a plan in a file. Exit code 0 whatever it finds: what it finds is in its output."""
    chosen = ["--check", ",".join(checks)] if checks else []
    return [binary, "--file", plan, "--framework", "terraform_plan", "--output", "json", "--skip-download", "--quiet",
            "--compact", "--soft-fail", *chosen]  # fmt: skip


def judge(binary: str, planned: Planned, level: Level, checks: Sequence[str] = ()) -> Iterator[Finding]:
    """What checkov says of every stack that is planned."""
    where = {resource.address: resource.where for resource in planned.all}
    for stack in planned.facts.stacks:
        if stack.plan is None or not any(change.after for change in stack.plan.changes):
            continue
        with tempfile.TemporaryDirectory(prefix="baton-policy-") as name:
            folder = Path(name)
            (folder / "plan.json").write_text(document(stack), encoding="utf-8")
            data = answer(command(binary, "plan.json", checks), folder)
        yield from findings(data, stack.name, level, where)


def document(stack: StackFacts) -> str:
    """A stack's plan as checkov takes it: what names no version of Terraform is no plan to it."""
    return json.dumps({**plan_document(stack), "terraform_version": "1.0.0"}, default=str)


def findings(
    data: bytes, stack: str, level: Level, where: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Finding]:
    """Findings from checkov's JSON. Its own lines are those of the plan's file and say nothing: `where` has the block's."""
    try:
        told = json.loads(data)
    except ValueError:
        raise PolicyBroken(f"checkov wrote no JSON: {data[:200]!r}") from None
    for report in told if isinstance(told, list) else [told]:
        results: Mapping[str, Any] = report.get("results") or {}
        if report.get("resource_count") == 0:  # only said where it looked at nothing
            raise PolicyBroken(f"checkov found nothing to look at in the plan of {stack}")
        if errors := results.get("parsing_errors"):
            raise PolicyBroken(f"checkov cannot read the plan of {stack}: {', '.join(map(str, errors))}")
        for check in results.get("failed_checks") or ():
            yield _finding(check, stack, level, where)
        for check in results.get("unknown_checks") or ():
            yield _finding(check, stack, level, where, Verdict.UNKNOWN)


def _finding(
    check: Mapping[str, Any], stack: str, level: Level, where: Mapping[str, str], verdict: Verdict | None = None
) -> Finding:
    address = str(check.get("resource") or "")
    return Finding(
        rule=str(check["check_id"]),
        verdict=verdict or refusal(level),
        level=level,
        stack=stack,
        address=address,
        message=str(check.get("check_name") or check["check_id"]),
        where=where.get(address, ""),
        engine=ENGINE,
        cure=f"see {check['guideline']}" if check.get("guideline") else "",
    )
