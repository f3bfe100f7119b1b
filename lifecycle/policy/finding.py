"""Findings: what a rule says about one thing, whichever engine the rule is written for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any, Final

BUILT_IN: Final = "built-in"
"""The engine of the rules that Baton brings."""


class Verdict(StrEnum):
    """What a rule says. The order is from harmless to bad."""

    ALLOW = "allow"
    WAIVED = "waived"  # it would deny, and somebody answers for that until a day
    WARN = "warn"
    UNKNOWN = "unknown"  # a value that decides is known only after apply: judged again then
    DENY = "deny"

    @property
    def weight(self) -> int:
        """How bad it is, from 0."""
        return tuple(Verdict).index(self)


class Level(StrEnum):
    """How much a rule binds. The order is from weak to strong."""

    ADVISORY = "advisory"  # only ever a warning
    OVERRIDABLE = "overridable"  # an approver may let it pass, which is recorded
    MANDATORY = "mandatory"  # nobody may

    @property
    def weight(self) -> int:
        """How strong it is, from 0."""
        return tuple(Level).index(self)


@dataclass(frozen=True, slots=True)
class Waiver:
    """Somebody answers for a rule's not being kept, until a day (the day itself included).

    `rule` and `address` are globs: `*` stands for any text. A finding that concerns no resource has the empty address.
    """

    rule: str
    reason: str
    owner: str
    expires: date
    address: str = "*"

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding, expired or not."""
        return bool(_glob(self.rule).fullmatch(finding.rule) and _glob(self.address).fullmatch(finding.address))


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says about one thing. Holds no secret: a message names what is wrong, never the value of a secret."""

    rule: str
    verdict: Verdict
    level: Level
    stack: str = ""
    address: str = ""
    message: str = ""
    where: str = ""  # file:line
    engine: str = BUILT_IN
    waiver: Waiver | None = None  # of a waived one
    cure: str = ""  # what to do about it

    @property
    def key(self) -> str:
        """What an approver names to let it pass: rule, stack and address."""
        return f"{self.rule}@{self.stack}:{self.address}" if self.stack or self.address else self.rule


def denial(denied: Sequence[Finding], what: str = "") -> str:
    """The first of them in a sentence, and how many more there are; `what` is what they are about, where it is not a plan."""
    first, more = denied[0], f" (and {len(denied) - 1} more)" if len(denied) > 1 else ""
    about = f"{first.address}: " if first.address else ""
    words = f"{what} denied by the policy {first.rule}: {about}{first.message}{more}".lstrip()
    return f"{first.where}: {words}" if first.where else words


@dataclass(frozen=True, slots=True)
class Decision:
    """Findings by what follows from them. Each finding is in one part."""

    denied: tuple[Finding, ...] = ()
    """Nobody may let these pass."""

    needs_approval: tuple[Finding, ...] = ()
    """An approver may let these pass."""

    overridden: tuple[Finding, ...] = ()
    """An approver did."""

    warnings: tuple[Finding, ...] = ()
    unknown: tuple[Finding, ...] = ()
    """To be judged again when the values are known."""

    waived: tuple[Finding, ...] = ()

    @property
    def may_go_on(self) -> bool:
        """Whether nothing stands in the way now. What is unknown does not, and may later."""
        return not self.denied and not self.needs_approval


def decide(findings: Iterable[Finding], overridden: Iterable[str] = ()) -> Decision:
    """What follows from findings. `overridden` are the keys of those that an approver let pass."""
    let_pass = frozenset(overridden)
    parts: dict[str, list[Finding]] = {}
    for finding in findings:
        part = _PARTS[finding.verdict]
        if finding.verdict is Verdict.DENY and finding.level is Level.OVERRIDABLE:
            part = "overridden" if finding.key in let_pass else "needs_approval"
        if part:
            parts.setdefault(part, []).append(finding)
    return Decision(**{name: tuple(part) for name, part in parts.items()})


_PARTS: Final[Mapping[Verdict, str]] = {
    Verdict.ALLOW: "",
    Verdict.WAIVED: "waived",
    Verdict.WARN: "warnings",
    Verdict.UNKNOWN: "unknown",
    Verdict.DENY: "denied",
}


def refusal(level: Level) -> Verdict:
    """What a rule of a level says about what it does not allow."""
    return Verdict.WARN if level is Level.ADVISORY else Verdict.DENY


def waive(findings: Iterable[Finding], waivers: Sequence[Waiver], today: date) -> tuple[Finding, ...]:
    """Findings with the waivers applied, in order, each once. An expired waiver waives nothing and is a warning itself."""
    valid = [waiver for waiver in waivers if today <= waiver.expires]
    told: list[Finding] = []
    for finding in findings:
        waiver = next((one for one in valid if one.covers(finding)), None)
        if waiver is not None and finding.verdict not in (Verdict.ALLOW, Verdict.WAIVED):
            finding = replace(finding, verdict=Verdict.WAIVED, waiver=waiver)
        told.append(finding)
    told += [_expired(waiver) for waiver in waivers if waiver.expires < today]
    return in_order(told)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in an order that depends on nothing but themselves; of those that say the same, the strongest."""
    strongest: dict[tuple[str, ...], Finding] = {}
    for finding in findings:
        same = (finding.stack, finding.address, finding.rule, finding.message, finding.where, finding.engine)
        known = strongest.get(same)
        if known is None or _weight(known) < _weight(finding):
            strongest[same] = finding
    return tuple(strongest[same] for same in sorted(strongest))


def fields(finding: Finding) -> dict[str, Any]:
    """A finding as JSON holds it, with every key."""
    waiver = finding.waiver
    return {
        "rule": finding.rule,
        "verdict": str(finding.verdict),
        "level": str(finding.level),
        "stack": finding.stack,
        "address": finding.address,
        "message": finding.message,
        "where": finding.where,
        "engine": finding.engine,
        "cure": finding.cure,
        "waiver": waiver
        and {
            "rule": waiver.rule,
            "address": waiver.address,
            "reason": waiver.reason,
            "owner": waiver.owner,
            "expires": waiver.expires.isoformat(),
        },
    }


def _weight(finding: Finding) -> tuple[int, int]:
    return finding.level.weight, finding.verdict.weight


def _expired(waiver: Waiver) -> Finding:
    return Finding(
        rule=waiver.rule,
        verdict=Verdict.WARN,
        level=Level.ADVISORY,
        address=waiver.address,
        message=f"the waiver of {waiver.owner} ended on {waiver.expires.isoformat()} and waives nothing any more",
        cure="mend what it waived and remove it, or have its owner set another day",
    )


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """Only `*` is special: the brackets of `aws_instance.web[0]` are not."""
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
