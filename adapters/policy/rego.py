"""Rego policies, read as conftest reads them: `deny`, `violation` and `warn`, each a set of texts or of objects with `msg`.

Source: conftest.dev, "Evaluating policies".
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from adapters.policy.rego_tools import Module, evaluate
from lifecycle.policy.broken import PolicyBroken
from lifecycle.policy.document import plan_document
from lifecycle.policy.facts import Facts, StackFacts
from lifecycle.policy.finding import Finding, Level, Verdict, refusal
from lifecycle.policy.planned import Planned
from lifecycle.sensitive import JSON

ENGINE: Final = "rego"
_RULE: Final = re.compile(r"(deny|violation|warn)(?:_(\w+))?")
_PACKAGE: Final = re.compile(r"^[ \t]*package[ \t]+([\w.]+)", re.MULTILINE)


def load(paths: Sequence[Path]) -> tuple[Module, ...]:
    """The Rego files at these paths, tests left out. Raises PolicyBroken."""
    found: list[Module] = []
    for path in paths:
        files = sorted(path.rglob("*.rego")) if path.is_dir() else [path]
        files = [file for file in files if not file.name.endswith("_test.rego")]
        if not files or not all(file.is_file() for file in files):
            raise PolicyBroken(f"there is no Rego policy at {path}", hint="name a *.rego file, or a folder of them")
        found += [_module(file) for file in files]
    return tuple(found)


def judge(modules: Sequence[Module], planned: Planned) -> Iterator[Finding]:
    """What the policies say of every stack that is planned; `input` is its plan (lifecycle/policy/document.py)."""
    where = {r.address: r.where for r in planned.all}
    for stack in planned.facts.stacks:
        if stack.plan is not None:
            for package, rules in evaluate(modules, _input(planned.facts, stack)).items():
                for name, said in rules.items():
                    yield from _findings(package, name, said, stack.name, where)


def _input(facts: Facts, stack: StackFacts) -> str:
    baton = {"environment": facts.environment, "stack": stack.name}
    return json.dumps({**plan_document(stack), "baton": baton}, default=str)


def _module(path: Path) -> Module:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyBroken(f"{path} cannot be read: {error}") from None
    package = _PACKAGE.search(text)
    if package is None:
        raise PolicyBroken(f"{path} names no package", hint="begin it with: package main")
    return Module(path, package[1], text)


def _findings(package: str, name: str, said: JSON, stack: str, where: Mapping[str, str]) -> Iterator[Finding]:
    match = _RULE.fullmatch(name)
    if match is None:
        return
    kind, suffix = match[1], match[2]
    rule = f"{package}.{suffix.replace('_', '-')}" if suffix else f"{package}.{kind}"
    for message, details in _messages(said):
        level = Level.ADVISORY if kind == "warn" else _level(details.get("level"), package)
        address = str(details.get("address") or details.get("resource") or "")
        place = str(details.get("where") or where.get(address, ""))
        verdict = Verdict.WARN if kind == "warn" else refusal(level)
        cure = str(details.get("cure") or "")
        yield Finding(
            str(details.get("rule") or rule), verdict, level, stack, address, message, place, ENGINE, cure=cure
        )


def _messages(said: JSON) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The texts of a rule, with what an object says beside its `msg`. A mapping is a rule of Rego before its version 1."""
    entries: Iterable[Any] = (
        [key for key, holds in said.items() if holds]
        if isinstance(said, dict)
        else said
        if isinstance(said, list)
        else []
    )
    for entry in entries:
        if isinstance(entry, dict):
            details = {**entry, **(entry.get("details") or {})} if isinstance(entry.get("details"), dict) else entry
            yield str(entry.get("msg") or entry), details
        else:
            yield _text(str(entry))


def _text(entry: str) -> tuple[str, Mapping[str, Any]]:
    """A text, or an object that became a mapping's key."""
    if entry.startswith("{"):
        with contextlib.suppress(ValueError):
            found = json.loads(entry)
            return str(found.get("msg") or entry), found
    return entry, {}


def _level(given: object, package: str) -> Level:
    if given is None:
        return Level.MANDATORY
    if given in tuple(Level):
        return Level(str(given))
    raise PolicyBroken(f"the Rego package {package} names the level {given!r:.40}", hint=f"one of {', '.join(Level)}")
