"""Foresight: what a stack would become, when some of what it is given is not known yet.

Terraform refuses unknown values for a root module's variables, and takes them for a child's. So a root module that can only be
planned, made anew here each time, calls the stack's module: known values as they are, unknown ones as an attribute of a resource
that does not exist (`terraform_data`, whose id is known after apply). Nothing is ever applied from here, and it has no state.

    <stack>/foresight/main.tf.json      0600, names and no values
    <stack>/foresight/data/             TF_DATA_DIR

Values go where those of plans go, so that what a kill leaves of them goes in the same way.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from adapters.terraform import failures, plans
from adapters.terraform.session import Session
from adapters.terraform.variables import Routed
from adapters.terraform.workdir import write_private
from adapters.terraform.written import Written
from lifecycle.plan import Diagnostic, Fidelity, Plan, ResourceChange, Severity
from lifecycle.sensitive import contains_sensitive, reveal

CALL: Final = "stack"
"""The module call's name: addresses in the plan begin with it, and people never see it."""
UNKNOWN: Final = "unknown"

_UNDECIDABLE = re.compile(
    r"Invalid (count|for_each) argument|cannot be determined until apply|only be known after apply|is not yet known"
)
"""What Terraform says where a plan depends on a value that nobody knows: how many there are of something, mostly."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """A session that can only plan."""

    at: Session
    folder: Path
    given: Routed

    @classmethod
    def of(cls, at: Session, unknown: Iterable[str]) -> Foresight:
        """Write the module that calls the stack's own. What an earlier one left is dropped."""
        folder = at.work.path / "foresight"
        data = folder / "data"
        for leftover in folder.glob("*.tf*") if folder.is_dir() else ():
            leftover.unlink()
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        known = dict(at.stack.variables)
        presets = sorted(at.root.preset - known.keys() & at.root.variables.keys())
        for file in at.site.cwd.glob("*.tfvars*"):
            if file.name.startswith("terraform.tfvars") or ".auto.tfvars" in file.name:
                (folder / file.name).symlink_to(file)
        source = os.path.relpath(at.site.cwd, folder)
        write_private(folder / "main.tf.json", json.dumps(_caller(source, known, presets, unknown), indent=1))
        environment = {**at.site.environment, "TF_DATA_DIR": str(data)}
        # what Terraform tells of a file is relative to here, and shown relative to the module
        shown = replace(at.stack, source=at.stack.source / os.path.relpath(folder, at.site.cwd))
        session = replace(at, stack=shown, site=replace(at.site, cwd=folder, environment=environment))
        plain = {name: value for name, value in known.items() if not contains_sensitive(value)}
        secret = {name: reveal(value) for name, value in known.items() if name not in plain}
        return cls(session, folder, Routed(plain, {}, secret))

    @property
    def variables(self) -> Path:
        return self.at.work.plans / "given.json"

    @property
    def plan_file(self) -> Path:
        return self.at.work.plans / "foreseen.tfplan"

    def close(self) -> None:
        """Remove everything but the providers, which stay for the next time."""
        plans.discard_all(self.at.work)
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name != "data":
                path.unlink()


def _caller(source: str, known: Mapping[str, Any], presets: Iterable[str], unknown: Iterable[str]) -> dict[str, Any]:
    source = source if source.startswith("..") else f"./{source}"
    given = {name: f"${{var.{name}}}" for name in (*known, *presets)}
    foreign = dict.fromkeys(unknown, f"${{jsondecode(terraform_data.{UNKNOWN}.id)}}")
    declared = {name: {"sensitive": True} if contains_sensitive(known.get(name)) else {} for name in given}
    return {
        "variable": declared,
        "resource": {"terraform_data": {UNKNOWN: {}}},
        "module": {CALL: {"source": source, **given, **foreign}},
    }


def undecidable(error: failures.TerraformFailed) -> str:
    """Why a plan cannot be foreseen, where that is why it failed; empty where something else is wrong."""
    for one in error.diagnostics:
        if _UNDECIDABLE.search(f"{one.summary} {one.detail}"):
            place = f"{one.where}: " if one.where else ""
            return f"{place}{one.summary}: how many there are depends on what is not known yet"
    return ""


def none(stack: str, digest: str, reason: str) -> Plan:
    """The plan of a stack that nobody can foresee."""
    return Plan(stack, digest, Fidelity.NONE, diagnostics=(Diagnostic(Severity.WARNING, reason),), complete=False)


def own_changes(changes: Iterable[ResourceChange]) -> tuple[ResourceChange, ...]:
    """Changes as the stack's own plan would name them."""
    return tuple(
        replace(change, address=own_address(change.address), refers=frozenset(map(own_address, change.refers)))
        for change in changes
        if change.address != f"terraform_data.{UNKNOWN}"
    )


def called(written: Mapping[str, Written]) -> Mapping[str, Written]:
    """What the module's files say, by the addresses that its resources have where it is called."""
    return {f"module.{CALL}.{address}": place for address, place in written.items()}


def own_address(address: str) -> str:
    return address.removeprefix(f"module.{CALL}.")
