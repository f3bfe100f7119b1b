"""Variables on their way into Terraform: checked against the module, what is plain into a private file, secrets by environment."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.terraform.configuration import Module
from adapters.terraform.environment import encoded
from adapters.terraform.failures import UnknownVariable
from adapters.terraform.workdir import write_private
from lifecycle.sensitive import contains_sensitive, reveal


@dataclass(frozen=True, slots=True)
class Routed:
    """`plain` is for the file that stays, `secret` for the environment, `transient` for a file that goes right after the command.

    Secrets go by environment, except where that would not do: a variable that a *.tfvars file of the module sets too (files
    beat the environment), and a structure for a variable without a declared type (which takes the text as it is).
    """

    plain: Mapping[str, Any] = field(default_factory=dict)
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)
    transient: Mapping[str, Any] = field(default_factory=dict, repr=False)


def check(module: Module, given: Mapping[str, Any], subject: str) -> None:
    """Raise UnknownVariable where the module does not declare what it is given."""
    unknown = sorted(set(given) - set(module.variables))
    if not unknown:
        return
    told = []
    for name in unknown:
        near = difflib.get_close_matches(name, module.variables, n=1)
        told.append(f"'{name}' (did you mean '{near[0]}'?)" if near else f"'{name}'")
    declared = ", ".join(sorted(module.variables)) or "none"
    raise UnknownVariable(
        f"{subject}: the module {module.path} has no variable {', '.join(told)}",
        hint=f"it declares: {declared}",
        facts={"unknown": unknown, "declared": sorted(module.variables)},
    )


def route(module: Module, given: Mapping[str, Any]) -> Routed:
    plain: dict[str, Any] = {}
    secret: dict[str, str] = {}
    transient: dict[str, Any] = {}
    for name, value in given.items():
        if not contains_sensitive(value):
            plain[name] = value
            continue
        clear = reveal(value)
        text = None if name in module.preset or clear is None else encoded(clear, module.variables[name].type)
        if text is None:
            transient[name] = clear
        else:
            secret[name] = text
    return Routed(plain, secret, transient)


def remembered(path: Path) -> dict[str, Any]:
    """The plain variables of the last plan."""
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    return {}


@contextmanager
def files(kept: Path, transient: Path, given: Routed) -> Iterator[list[Path]]:
    """Variable files for one command, the later ones stronger; the transient one is gone after it.

    JSON strings in them are taken as they are: no templates, nothing to escape.
    """
    _write(kept, given.plain)
    if not given.transient:
        yield [kept]
        return
    try:
        _write(transient, given.transient)
        yield [kept, transient]
    finally:
        transient.unlink(missing_ok=True)


def _write(path: Path, values: Mapping[str, Any]) -> None:
    write_private(path, json.dumps(values, ensure_ascii=False, indent=1, sort_keys=True))
