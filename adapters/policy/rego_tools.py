"""What judges Rego: an `opa` on PATH, else a `conftest`, else the package regopy.

Sources: openpolicyagent.org/docs/cli, conftest.dev/options.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from adapters.policy.tool import answer, short
from lifecycle.policy.broken import PolicyBroken
from lifecycle.sensitive import JSON

_CHILD: Final = Path(__file__).with_name("rego_child.py")
_FOREIGN: Final = re.compile(r"\bhttp\.send\b|\bopa\.runtime\b|\bnet\.lookup_ip_addr\b")


@dataclass(frozen=True, slots=True)
class Module:
    """One file of Rego and the package that it belongs to."""

    path: Path
    package: str
    text: str


def evaluate(modules: Sequence[Module], document: str) -> Mapping[str, Mapping[str, JSON]]:
    """Package → rule → what it says of a document in JSON. Raises PolicyBroken."""
    packages = sorted({module.package for module in modules})
    tool = next((found for name in ("opa", "conftest") if (found := shutil.which(name))), None)
    with tempfile.TemporaryDirectory(prefix="baton-policy-") as name:
        folder = Path(name)
        (folder / "plan.json").write_text(document, encoding="utf-8")
        if tool is None:
            return _by_regopy(modules, packages, folder)
        if Path(tool).name == "opa":
            return {package: _by_opa(tool, modules, package, folder) for package in packages}
        return _by_conftest(tool, modules, folder)


def _by_opa(opa: str, modules: Sequence[Module], package: str, folder: Path) -> Mapping[str, JSON]:
    files = [word for module in modules for word in ("--data", str(module.path.absolute()))]
    argv = [opa, "eval", "--format", "json", "--input", "plan.json", *files, f"data.{package}"]
    results = _json(answer(argv, folder), "opa").get("result") or []
    value = results[0]["expressions"][0]["value"] if results else {}
    return value if isinstance(value, dict) else {}


def _by_conftest(conftest: str, modules: Sequence[Module], folder: Path) -> Mapping[str, Mapping[str, JSON]]:
    files = [word for module in modules for word in ("--policy", str(module.path.absolute()))]
    argv = [conftest, "test", "plan.json", "--output", "json", "--all-namespaces", "--no-fail", *files]
    found: dict[str, dict[str, JSON]] = {}
    for part in _json(answer(argv, folder), "conftest"):
        rules = found.setdefault(part.get("namespace", "main"), {})
        for key, rule in (("failures", "deny"), ("warnings", "warn")):
            told = [{**(one.get("metadata") or {}), "msg": one.get("msg", "")} for one in part.get(key) or []]
            rules.setdefault(rule, []).extend(told)
    return found


def _json(data: bytes, tool: str) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise PolicyBroken(f"{tool} wrote no JSON: {data[:200]!r}") from None


def _by_regopy(modules: Sequence[Module], packages: Sequence[str], folder: Path) -> Mapping[str, Mapping[str, JSON]]:
    """By the package, in a process of its own: it writes to standard output, and may take gigabytes or die."""
    if importlib.util.find_spec("regopy") is None:
        hint = "install opa or conftest, or the extra: pip install 'baton-lifecycle[rego]'"
        raise PolicyBroken("there is nothing here that judges Rego policies", hint=hint)
    foreign = [module for module in modules if _FOREIGN.search(module.text)]
    if foreign:  # it would be undefined, which reads as "nothing to deny"
        message = f"{foreign[0].path} asks the network or its surroundings, which regopy does not"
        raise PolicyBroken(message, hint="install opa")
    asked = {"modules": [[str(module.path), module.text] for module in modules], "packages": packages}
    (folder / "policies.json").write_text(json.dumps(asked), encoding="utf-8")
    # -P: this folder has modules named as others' are
    answer([sys.executable, "-P", str(_CHILD), "policies.json", "plan.json", "said.json"], folder)
    said = _json((folder / "said.json").read_bytes(), "regopy")
    if "broken" in said:
        names = ", ".join(str(module.path) for module in modules)
        raise PolicyBroken(f"a Rego policy of {names} is broken: {short(said['broken'])}")
    found: Mapping[str, Mapping[str, JSON]] = said["packages"]
    return found
