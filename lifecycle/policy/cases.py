"""Cases: what rules must say of small made-up plans. For people who write rules, and for the built-in ones themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field, StrictBool

from lifecycle.blueprint.loader import read_as
from lifecycle.blueprint.policy import Day, Policy, PolicyPath
from lifecycle.blueprint.policy_rules import Count
from lifecycle.blueprint.probes import Part
from lifecycle.blueprint.scalars import Amount, Duration, Text
from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.policy.facts import Facts, Pin, PinKind, Playbook, StackFacts
from lifecycle.policy.finding import Finding, Verdict
from lifecycle.sensitive import JSON


class CaseResource(Part):
    """One planned resource."""

    type: Text
    """Its type, such as aws_instance."""

    address: str = ""
    """Its address. Default: the type, a dot and `this`."""

    after: dict[str, JSON] | None = Field(default_factory=dict)
    """Its attributes once the plan is applied; null where it is deleted. A text `***` is a sensitive value."""

    before: dict[str, JSON] | None = None
    """Its attributes now."""

    unknown: tuple[Text, ...] = ()
    """Paths of attributes that are known only after apply."""

    configured: tuple[Text, ...] | None = None
    """Attributes that the configuration sets. Default: those of `after` and `unknown`."""

    refers: tuple[Text, ...] = ()
    """Addresses of resources that its expressions name."""

    action: Action | None = None
    """What would happen to it. Default: by what `before` and `after` say."""

    @property
    def change(self) -> ResourceChange:
        told = self.before is not None, self.after is not None
        usual = {(True, True): Action.NOOP, (True, False): Action.DELETE}.get(told, Action.CREATE)
        tops = {path.partition(".")[0].partition("[")[0] for path in self.unknown}
        return ResourceChange(
            address=self.address or f"{self.type}.this",
            type=self.type,
            action=self.action or usual,
            before=self.before,
            after=self.after,
            unknown=self.unknown,
            configured=frozenset(self.configured if self.configured is not None else {*(self.after or ()), *tops}),
            refers=frozenset(self.refers),
        )


class CasePin(Part):
    """One version that the configuration asks for."""

    kind: PinKind
    """`provider` or `module`."""

    name: Text
    """Its name."""

    version: str = ""
    """The constraint as written."""

    source: str = ""
    """Of a module: where it comes from."""


class CasePlaybook(Part):
    """One playbook that would run."""

    path: Text
    """Its file, relative to the file of cases."""

    secrets: tuple[Text, ...] = ()
    """Variables of it that hold a secret."""


class Expected(Part):
    """One finding that there must be."""

    rule: Text
    """The rule's name."""

    verdict: Verdict
    """What it says."""

    address: str | None = None
    """The resource's address. Default: any."""

    message: str | None = None
    """A text that its message must hold."""

    def fits(self, finding: Finding) -> bool:
        """Whether a finding is this one."""
        return (
            (finding.rule, finding.verdict) == (self.rule, self.verdict)
            and self.address in (None, finding.address)
            and (self.message or "") in finding.message
        )


class Case(Part):
    """Facts, and every finding that they must give."""

    name: Text
    """What it shows, as a sentence."""

    plan: PolicyPath | None = None
    """A plan as `terraform show -json` writes it, relative to this file; its resources come before the others."""

    planned: StrictBool = True
    """Whether the stack could be planned at all."""

    resources: tuple[CaseResource, ...] = ()
    """Planned resources."""

    pins: tuple[CasePin, ...] = ()
    """Versions that the configuration asks for."""

    variables: dict[str, JSON] = Field(default_factory=dict)
    """Variables of the stack."""

    inputs: dict[str, JSON] = Field(default_factory=dict)
    """Inputs of the blueprint."""

    playbooks: tuple[CasePlaybook, ...] = ()
    """Playbooks that would run."""

    monthly_cost: Amount | None = None
    """What a month would cost."""

    leased: StrictBool = True
    """Whether there is a lease."""

    lease: Duration | None = None
    """How long it is."""

    hosts: Count | None = None
    """How many hosts there are now."""

    today: Day | None = None
    """The day on which it is judged. Default: the real one."""

    expect: tuple[Expected, ...] = ()
    """Every finding that there must be, and no other."""

    def facts(self, today: date, plan: Plan | None = None) -> Facts:
        """What the rules are given. `plan` is the one that it names, read."""
        changes = (*(plan.changes if plan else ()), *(resource.change for resource in self.resources))
        pins = tuple(Pin(pin.kind, pin.name, pin.version, pin.source) for pin in self.pins)
        stack = StackFacts(
            name="stack",
            plan=Plan("stack", "", changes=changes) if self.planned else None,
            pins=pins,
            variables=self.variables,
        )
        return Facts(
            today=self.today or today,
            stacks=(stack,),
            inputs=self.inputs,
            playbooks=tuple(Playbook(one.path, frozenset(one.secrets)) for one in self.playbooks),
            monthly_cost=None if self.monthly_cost is None else Decimal(self.monthly_cost),
            leased=self.leased,
            lease=self.lease,
            hosts=self.hosts,
        )


class Cases(Part):
    """A file of cases."""

    policy: Policy = Policy()
    """What they are judged by; `files` in it are relative to this file."""

    blueprint: PolicyPath | None = None
    """A blueprint whose policy they are judged by too, relative to this file."""

    cases: Annotated[tuple[Case, ...], Field(min_length=1)]
    """The cases."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What a case says and the rules do not, or the other way round. `line` is where the case says it, or begins."""

    case: str
    line: int
    message: str


def read_cases(text: str, filename: str) -> tuple[Cases, Sequence[Mapping[str, int]]]:
    """A file of cases, and for each case the lines of the case ("") and of its expectations ("0", "1" ...).

    Raises BlueprintInvalid with all problems.
    """
    found, document = read_as(text, filename, Cases)
    lines = []
    for index, case in enumerate(found.cases):
        at = ("cases", index)
        of_case = {str(n): document.value_at((*at, "expect", n)).line for n in range(len(case.expect))}
        lines.append({"": document.value_at(at).line, **of_case})
    return found, lines


def compare(case: Case, lines: Mapping[str, int], findings: Sequence[Finding]) -> Iterator[Mismatch]:
    """What is not as the case says: each finding answers one expectation, and each expectation needs one."""
    left = list(findings)
    for index, expected in enumerate(case.expect):
        found = next((finding for finding in left if expected.fits(finding)), None)
        if found is None:
            yield Mismatch(
                case.name, lines[str(index)], f"expected {_named(expected.rule, expected.verdict, expected.address)}"
            )
        else:
            left.remove(found)
    for finding in left:
        said = _named(finding.rule, finding.verdict, finding.address)
        yield Mismatch(case.name, lines[""], f"not expected: {said}: {finding.message}")


def _named(rule: str, verdict: Verdict, address: str | None) -> str:
    return f"{verdict} by {rule}" + (f" at {address}" if address else "")
