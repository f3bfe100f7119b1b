"""Rules in Python: entry points of the group `baton.policies`, each a function of the facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from lifecycle.blueprint.problems import did_you_mean
from lifecycle.policy.broken import PolicyBroken
from lifecycle.policy.facts import Facts
from lifecycle.policy.finding import BUILT_IN, Finding

ENGINE: Final = "python"
GROUP: Final = "baton.policies"

Judge = Callable[[Facts], Iterable[Finding]]


def load(names: Sequence[str]) -> dict[str, Judge]:
    """The functions behind entry points, by name. Raises PolicyBroken."""
    if not names:
        return {}  # to look at what is installed takes a tenth of a second
    installed = {point.name: point for point in entry_points(group=GROUP)}
    return {name: _load(name, installed) for name in names}


def judge(name: str, rule: Judge, facts: Facts) -> Iterator[Finding]:
    """What a function says. Raises PolicyBroken where it fails or gives something else than findings."""
    try:
        found = list(rule(facts))
    except Exception as error:
        raise PolicyBroken(f"the policy {name} failed: {type(error).__name__}: {error}") from error
    for finding in found:
        if not isinstance(finding, Finding):
            raise PolicyBroken(f"the policy {name} gave a {type(finding).__name__}, and no Finding")
        yield replace(finding, engine=f"{ENGINE}:{name}") if finding.engine == BUILT_IN else finding


def _load(name: str, installed: dict[str, EntryPoint]) -> Judge:
    if name not in installed:
        hint = (
            did_you_mean(name, installed)
            or f"install the package that brings it, beside Baton; found: {_listed(installed)}"
        )
        raise PolicyBroken(f"there is no entry point '{name}' in the group {GROUP}", hint=hint)
    try:
        found = installed[name].load()
    except Exception as error:
        raise PolicyBroken(f"the policy {name} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise PolicyBroken(f"the policy {name} is no function")
    rule: Judge = found
    return rule


def _listed(installed: Iterable[str]) -> str:
    return ", ".join(sorted(installed)) or "none"
