"""Everything that a policy names, as one engine that judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from adapters.policy import checkov, playbooks, python, rego
from adapters.policy.cel import CelRules
from adapters.policy.python import Judge
from adapters.policy.rego_tools import Module
from lifecycle.blueprint.loader import load_policy
from lifecycle.blueprint.policy import Policy, ScannerKeys
from lifecycle.blueprint.policy_rules import RuleKeys
from lifecycle.policy.broken import PolicyBroken
from lifecycle.policy.evaluate import evaluate, not_planned
from lifecycle.policy.facts import Facts
from lifecycle.policy.finding import Finding, Waiver, waive
from lifecycle.policy.planned import Planned

_OVER_TASKS: Final = frozenset(("playbook-modules", "playbook-become", "playbook-no-log", "version-pins"))


@dataclass(frozen=True, slots=True)
class Pack:
    """One policy, read: a blueprint's, or one of the files that it names."""

    rules: Mapping[str, RuleKeys] = field(default_factory=dict)
    cel: CelRules | None = None
    rego: tuple[Module, ...] = ()
    python: Mapping[str, Judge] = field(default_factory=dict)
    scanners: tuple[ScannerKeys, ...] = ()
    waivers: tuple[Waiver, ...] = ()

    @property
    def reads_playbooks(self) -> bool:
        """Whether what stands in playbooks may decide: a function gets all facts."""
        return bool(self.python or self.rules.keys() & _OVER_TASKS)

    @property
    def empty(self) -> bool:
        return not (self.rules or self.cel or self.rego or self.python or self.scanners)


@dataclass(frozen=True, slots=True)
class PolicyEngine:
    """What an environment is judged by. Every pack judges for itself: none makes a rule of another weaker.

    `folder` is the blueprint's, below which playbooks are; `roles` are directories of roles beside the playbooks' own;
    `checkov` names the scanner where it is not on PATH.
    """

    packs: tuple[Pack, ...] = ()
    folder: Path = Path()
    roles: tuple[Path, ...] = ()
    checkov: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to judge by."""
        return all(pack.empty for pack in self.packs)

    def judge(self, facts: Facts) -> tuple[Finding, ...]:
        """What all engines say, waivers applied, in an order that depends on nothing else. Raises PolicyBroken."""
        if not facts.tasks and any(pack.reads_playbooks for pack in self.packs):
            read = (playbooks.tasks(one, self.folder, self.roles) for one in facts.playbooks)
            facts = replace(facts, tasks=tuple(task for of_one in read for task in of_one))
        planned = Planned(facts)
        found = [finding for pack in self.packs for finding in self._of(pack, planned)]
        return waive(found, [waiver for pack in self.packs for waiver in pack.waivers], facts.today)

    def _of(self, pack: Pack, planned: Planned) -> Iterator[Finding]:
        yield from evaluate(pack.rules, planned.facts, planned=planned)
        if pack.cel:
            yield from pack.cel.judge(planned)
        if pack.rego:
            yield from rego.judge(pack.rego, planned)
        for name, rule in pack.python.items():
            yield from python.judge(name, rule, planned.facts)
        for scanner in pack.scanners:
            yield from checkov.judge(checkov.find(self.checkov), planned, scanner.level, scanner.checks)
        if not pack.rules and not pack.empty:
            yield from not_planned({}, planned)


def engine(policy: Policy, folder: Path, *, roles: Sequence[Path] = (), scanner: str = "") -> PolicyEngine:
    """The engine for a policy whose paths are relative to a folder. Everything that it names is read and checked now.

    Raises PolicyBroken, and BlueprintInvalid for a policy file with problems.
    """
    packs = tuple(_packs(policy, folder, {}))
    return PolicyEngine(packs, folder, tuple(roles), scanner)


def files(policy: Policy, folder: Path) -> Iterator[Path]:
    """Every file that a policy in a folder names, and those that its files name."""
    yield from _files(policy, folder, {})


def _files(policy: Policy, folder: Path, known: dict[Path, None]) -> Iterator[Path]:
    for name in policy.rego:
        path = (folder / name).resolve()
        yield from sorted(path.rglob("*.rego")) if path.is_dir() else (path,)
    for name in policy.files:
        path = (folder / name).resolve()
        if path not in known:
            known[path] = None
            yield path
            yield from _files(read_policy(path), path.parent, known)


def read_policy(path: Path) -> Policy:
    """A policy file. Raises PolicyBroken where it cannot be read, BlueprintInvalid with all its problems."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        hint = "a policy file is named relative to the file that names it"
        raise PolicyBroken(f"the policy {path} cannot be read: {error}", hint=hint) from None
    return load_policy(text, str(path))


def _packs(policy: Policy, folder: Path, known: dict[Path, None]) -> Iterator[Pack]:
    yield Pack(
        rules=policy.rules.asked,
        cel=CelRules(policy.cel) if policy.cel else None,
        rego=rego.load([folder / path for path in policy.rego]),
        python=python.load(policy.python),
        scanners=policy.scanners,
        waivers=tuple(keys.waiver for keys in policy.waivers),
    )
    for name in policy.files:
        path = (folder / name).resolve()
        if path not in known:  # two files may name each other
            known[path] = None
            yield from _packs(read_policy(path), path.parent, known)
