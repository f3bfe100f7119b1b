"""Saved plans: files that hold secrets, remembered by what they contained, so that only what was shown can be applied."""

from __future__ import annotations

import hashlib
import json
import uuid
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from adapters.terraform.failures import StalePlan
from adapters.terraform.workdir import Workdir, write_private
from lifecycle.plan import Plan


def fresh(work: Workdir) -> Path:
    """Where the next plan goes. The ones before are dropped: each is good for one apply, and only the newest."""
    discard_all(work)
    return work.plans / f"{uuid.uuid4().hex}.tfplan"


def remember(path: Path, digest: str) -> None:
    """Keep what the plan file contains now, under the digest that names it to people."""
    path.chmod(0o600)
    write_private(_side(path), json.dumps({"sha256": _sha256(path), "digest": digest}))


def verified(work: Workdir, plan: Plan, subject: str) -> Path:
    """The file behind a plan's token. Raises StalePlan unless it is this stack's and what it was when it was made."""
    path = Path(plan.token)
    if path.parent != work.plans or path.suffix != ".tfplan":
        raise StalePlan(f"{subject}: this plan was not made here")
    try:
        known = json.loads(_side(path).read_text(encoding="utf-8"))
        same = known == {"sha256": _sha256(path), "digest": plan.digest}
    except (OSError, ValueError):
        raise StalePlan(f"{subject}: the saved plan is gone: a newer one was made, or it was applied") from None
    if not same:
        raise StalePlan(f"{subject}: the saved plan is not the one that was shown: its file was changed")
    return path


def discard(path: Path) -> None:
    for file in (path, _side(path)):
        file.unlink(missing_ok=True)


def discard_all(work: Workdir) -> None:
    """Everything that plans left, also what a kill kept them from removing: variable files with secrets, half-written ones."""
    for path in work.plans.iterdir():
        path.unlink(missing_ok=True)


def state_identity(path: Path) -> Mapping[str, Any]:
    """Lineage and serial of the state that a plan was made from (the `tfstate` inside the plan file); empty if it tells none."""
    with suppress(OSError, ValueError, KeyError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        state = json.loads(archive.read("tfstate"))
        return {"lineage": state["lineage"], "serial": state["serial"]} if state["serial"] else {}
    return {}


def state_before(path: Path) -> Mapping[str, Any]:
    """The state that a plan found, before it looked at reality (the `tfstate-prev` inside the plan file, which tells no lineage)."""
    with suppress(OSError, ValueError, KeyError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        state: Mapping[str, Any] = json.loads(archive.read("tfstate-prev"))
        return state
    return {}


def _side(path: Path) -> Path:
    return path.with_suffix(".json")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
