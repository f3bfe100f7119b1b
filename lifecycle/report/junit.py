"""The checks of a run as JUnit XML, which every CI system shows: a test case per check, with its evidence.

JUnit has no standard of its own; this is the shape that Jenkins, GitLab and GitHub's report actions agree on.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from xml.etree import ElementTree

from lifecycle.desired import Goal
from lifecycle.errors import BatonError
from lifecycle.journal import Kind, Outcome, Status
from lifecycle.perform import Ended
from lifecycle.recording import title
from lifecycle.report.words import look_command, next_command

_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to say."""


class Verdict(StrEnum):
    """What became of a case; the words are JUnit's elements."""

    PASSED = "passed"
    FAILURE = "failure"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Case:
    """One test case. `message` is one line, `text` what a person reads below it, `evidence` what was seen."""

    name: str
    verdict: Verdict
    message: str = ""
    text: str = ""
    evidence: str = ""
    seconds: float = 0.0


def cases(ended: Ended, seconds: Mapping[str, float]) -> Iterator[Case]:
    """Every check, then every step that failed and is none. `seconds`: step key → how long it took.

    A check that the run did not come to is skipped, and says so: it has not passed.
    """
    last = {o.step.subject: o for o in ended.outcomes if o.step.kind is Kind.VERIFY}
    for name in ended.view.desired.checks if ended.view.desired.goal is Goal.UP else ():
        if name in last:
            yield _check(ended, last[name], seconds)
        else:
            yield Case(name, Verdict.SKIPPED, "the run did not come to this check")
    for outcome in ended.failures:
        if outcome.step.kind is not Kind.VERIFY:
            yield _error(ended, outcome, seconds)


def _check(ended: Ended, outcome: Outcome, seconds: Mapping[str, float]) -> Case:
    evidence = "\n".join(_evidence(outcome.detail.get("evidence", ())))
    took = seconds.get(outcome.step.key, 0.0)
    name = outcome.step.subject
    if outcome.status is Status.OK:
        return Case(name, Verdict.PASSED, outcome.message, evidence=evidence or outcome.message, seconds=took)
    return Case(name, Verdict.FAILURE, outcome.message, _more(ended, outcome), evidence, took)


def _error(ended: Ended, outcome: Outcome, seconds: Mapping[str, float]) -> Case:
    took = seconds.get(outcome.step.key, 0.0)
    return Case(title(outcome.step, ended.view), Verdict.ERROR, outcome.message, _more(ended, outcome), seconds=took)


def _more(ended: Ended, outcome: Outcome) -> str:
    step, environment = outcome.step, ended.environment
    see = look_command(environment.ref, step.kind, step.subject, ended.view.observed.hosts.values())
    return "\n".join(
        filter(None, [outcome.message, outcome.hint, f"see:  {see}", f"next: {next_command(environment)}"])
    )


def _evidence(attempts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for one in attempts:
        mark = "passed" if one["passed"] else "failed"
        yield f"{one['at']} from {one['origin']}: {mark} ({one['seconds']:.2f} s): {one['detail']}"


def of_error(name: str, error: BatonError) -> Case:
    """A command that ended before there was a run to tell of."""
    text = "\n".join(filter(None, [error.message, error.hint, f"exit code {int(error.exit_code)}"]))
    return Case(name, Verdict.ERROR, error.message.splitlines()[0], text)


def junit(suite: str, known: Sequence[Case]) -> str:
    """The XML document of one suite."""
    counts = {
        "tests": str(len(known)),
        "failures": str(sum(c.verdict is Verdict.FAILURE for c in known)),
        "errors": str(sum(c.verdict is Verdict.ERROR for c in known)),
        "skipped": str(sum(c.verdict is Verdict.SKIPPED for c in known)),
        "time": f"{sum(c.seconds for c in known):.3f}",
    }
    top = ElementTree.Element("testsuites", {"name": "baton", **counts})
    one = ElementTree.SubElement(top, "testsuite", {"name": suite, **counts})
    for case in known:
        _written(one, suite, case)
    ElementTree.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(top, encoding="unicode") + "\n"


def _written(suite: ElementTree.Element, name: str, case: Case) -> None:
    given = {"classname": name, "name": _text(case.name), "time": f"{case.seconds:.3f}"}
    element = ElementTree.SubElement(suite, "testcase", given)
    if case.verdict is not Verdict.PASSED:
        found = ElementTree.SubElement(element, case.verdict.value, {"message": _text(case.message)})
        found.text = _text(case.text) or None
    if case.evidence:
        ElementTree.SubElement(element, "system-out").text = _text(case.evidence)


def _text(text: str) -> str:
    return _UNPRINTABLE.sub("�", text)
