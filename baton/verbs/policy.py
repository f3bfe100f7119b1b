"""`baton policy`: for people who write rules: what there is, and whether rules say what their cases expect."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.table import Table

from baton import console
from baton.options import Json
from lifecycle.errors import BatonError, ExitCode
from lifecycle.plan import Plan
from lifecycle.policy.cases import Case, Mismatch, compare, read_cases
from lifecycle.policy.registry import RULES
from lifecycle.report.fields import rule_fields
from lifecycle.report.policy import cases_text

app = App(name="policy", help="For people who write rules: the built-in ones, and tests for one's own.")

NAMES = ("*_test.yaml", "*_test.yml")

CasesPath = Annotated[
    str, Parameter(name="PATH", help="A file of cases, or a folder: every *_test.yaml below it. Default: here.")
]


class NoCases(BatonError):
    """There are no cases at this path."""

    exit_code = ExitCode.USAGE


@app.command
def test(path: CasesPath = ".", *, json: Json = False) -> int:  # noqa: PT028 - a verb, and no test
    """Judge the cases in files, and say with file:line where the rules say something else. Ends with 1 where one does."""
    files = _files(Path(path))
    count, wrong = 0, 0
    for file in files:
        for case, mismatches in _judged(file):
            count, wrong = count + 1, wrong + bool(mismatches)
            if json:
                console.emit("case", file=str(file), case=case.name, passed=not mismatches,
                             wrong=[{"line": m.line, "message": m.message} for m in mismatches])  # fmt: skip
                continue
            for one in mismatches:
                console.out.print(f"{file}:{one.line}: {one.case}: {one.message}", markup=False, soft_wrap=True)
    if json:
        console.emit("result", files=len(files), cases=count, wrong=wrong)
    else:
        console.out.print(cases_text(len(files), count, wrong), markup=False)
    return int(ExitCode.FAILED if wrong else ExitCode.OK)


@app.command
def rules(*, json: Json = False) -> int:
    """List the built-in rules, their parameters, and what they look at."""
    if json:
        for rule in RULES.values():
            console.emit("rule", **rule_fields(rule))
        return 0
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("rule", no_wrap=True)
    for name in ("demands", "parameters", "looks at"):
        table.add_column(name, overflow="fold")
    for rule in RULES.values():
        parameters = ", ".join(name for name in rule_fields(rule)["parameters"] if name != "level")
        table.add_row(rule.name, rule.title, parameters, rule.looks_at)
    console.out.print(table)
    return 0


def _files(path: Path) -> list[Path]:
    found = sorted(file for name in NAMES for file in path.rglob(name)) if path.is_dir() else [path]
    if not found or not all(file.is_file() for file in found):
        raise NoCases(f"there are no cases at {path}", hint=f"name a file, or a folder that holds {' or '.join(NAMES)}")
    return found


def _judged(file: Path) -> Iterator[tuple[Case, list[Mismatch]]]:
    """The cases of a file, and what is not as each says."""
    from adapters import settings as settings_of
    from adapters.blueprints import find_blueprint, read_blueprint
    from adapters.policy.policies import PolicyEngine, engine

    cases, lines = read_cases(file.read_text(encoding="utf-8"), str(file))
    checkov = settings_of.load().checkov
    packs = engine(cases.policy, file.parent, scanner=checkov).packs
    if cases.blueprint:
        path = find_blueprint(str(file.parent / cases.blueprint))
        packs += engine(read_blueprint(path).policy, path.parent).packs
    judge = PolicyEngine(packs, file.parent, checkov=checkov)
    today = datetime.now(UTC).date()
    for case, at in zip(cases.cases, lines, strict=True):
        yield case, list(compare(case, at, judge.judge(case.facts(today, _plan(file, case)))))


def _plan(file: Path, case: Case) -> Plan | None:
    """The plan that a case names: what Terraform wrote, without the module's files."""
    if case.plan is None:
        return None
    from adapters.terraform import parse
    from lifecycle.scrub import Scrubber

    path = file.parent / case.plan
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NoCases(
            f"{path} cannot be read: {error.strerror}", hint="write it by: terraform show -json FILE"
        ) from None
    return Plan("stack", "", changes=parse.plan(data, Scrubber(), {}).changes)
