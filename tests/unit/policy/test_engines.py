"""The engines, real: CEL, Rego by regopy, Python entry points, recorded checkov; and the one engine over all."""

import json
from collections.abc import Iterator
from datetime import date
from importlib.metadata import EntryPoint
from pathlib import Path
from types import MappingProxyType

import pytest

from adapters.policy import checkov, python, rego
from adapters.policy.cel import CelRules
from adapters.policy.policies import engine
from lifecycle.blueprint.loader import load_policy
from lifecycle.blueprint.policy import CelRule
from lifecycle.blueprint.problems import BlueprintInvalid
from lifecycle.errors import ExitCode
from lifecycle.plan import Action, Plan, ResourceChange
from lifecycle.policy.broken import PolicyBroken
from lifecycle.policy.facts import Facts, StackFacts
from lifecycle.policy.finding import Finding, Level, Verdict
from lifecycle.policy.planned import Planned

SAMPLES = Path(__file__).parent / "samples"
AFTER = {
    "instance_type": "t3.micro",
    "size": 20,
    "open": ["a", None],
    "secret": "***",
    "note": 'say "hi"\n',
    "big": 10**30,
    "tags": {"owner": "a"},
}
UNKNOWN = ("subnet_id", "open[1]", "arn", "tags.stage")


def facts(after: dict[str, object] | None = None) -> Facts:
    configured = frozenset({"subnet_id", "open", "tags", "instance_type"})
    change = ResourceChange("aws_instance.web", "aws_instance", Action.CREATE, after=AFTER if after is None else after,
                            unknown=UNKNOWN, configured=configured, where="main.tf:7")  # fmt: skip
    return Facts(date(2026, 6, 1), stacks=(StackFacts("web", Plan("web", "d", changes=(change,))),))


def by_cel(expression: str, kind: str = "deny", level: Level = Level.MANDATORY) -> list[Finding]:
    rule = CelRule.model_validate(
        {"name": "mine", "resource": "aws_instance", kind: expression, "message": "no", "level": level}
    )
    return list(CelRules([rule]).judge(Planned(facts())))


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ('resource.instance_type == "t3.micro"', Verdict.DENY),
        ('!resource.instance_type.startsWith("t3.")', None),
        ("resource.size > 10 && action == 'create' && stack == 'web'", Verdict.DENY),
        ('resource.subnet_id == "x"', Verdict.UNKNOWN),
        ('resource.subnet_id == "x" || resource.size > 10', Verdict.DENY),  # decided, whatever the unknown is
        ('resource.open.exists(o, o == "b")', Verdict.UNKNOWN),  # its second element is not known
        ('resource.open[1] == "b"', Verdict.UNKNOWN),  # it is null for now
        ('resource.tags == {"owner": "a"}', Verdict.UNKNOWN),  # tags.stage will be there too
        ('resource.tags.owner == "a"', Verdict.DENY),
        ('resource.tags.stage == "a"', Verdict.UNKNOWN),
        ('resource["subnet" + "_id"] == "a"', Verdict.UNKNOWN),
        ("!has(resource.subnet_id)", Verdict.UNKNOWN),  # it is not there yet, which is not "it will not be"
        ('resource.secret == "***"', Verdict.UNKNOWN),
        ("resource.arn == null", Verdict.DENY),  # merely computed: nothing sets it
        ("resource.big > 1.0", Verdict.DENY),
        ("resource.instance_type > 5", Verdict.UNKNOWN),
        ('resource.misspelt == "x"', Verdict.UNKNOWN),
        ('has(resource.misspelt) && resource.misspelt == "x"', None),
    ],
)
def test_a_cel_rule_judges_and_never_takes_a_gap_for_a_value(expression: str, verdict: Verdict | None) -> None:
    assert [finding.verdict for finding in by_cel(expression)] == ([verdict] if verdict else [])


def test_a_cel_rule_that_warns_or_advises_never_denies() -> None:
    (warning,) = by_cel("true", "warn")
    (advice,) = by_cel("true", level=Level.ADVISORY)
    assert (warning.verdict, warning.level) == (advice.verdict, advice.level) == (Verdict.WARN, Level.ADVISORY)
    assert (warning.address, warning.where, warning.engine) == ("aws_instance.web", "main.tf:7", "cel")


@pytest.mark.parametrize(
    ("expression", "said"),
    [("resource.a >", "cannot be read"), ("nobody == 1", "may name"), ("1 + 1", "neither true nor false")],
)
def test_a_cel_rule_that_is_none_is_an_error(expression: str, said: str) -> None:
    with pytest.raises(PolicyBroken) as broken:
        by_cel(expression)
    assert said in broken.value.message + broken.value.hint
    assert broken.value.exit_code is ExitCode.USAGE


REGO = """package main
import rego.v1
deny contains msg if {
  some change in input.resource_changes
  change.change.after.size > 10
  msg := sprintf("%s is %v GB: %s", [change.address, change.change.after.size, change.change.after.note])
}
violation_named contains {"msg": "an object", "address": "aws_instance.web", "level": "overridable", "cure": "mend it"}
warn contains "look at it" if input.baton.stack == "web"
something_else contains "no verdict"
"""


@pytest.fixture
def without_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.policy.rego_tools.shutil.which", lambda name: None)


def by_rego(tmp_path: Path, text: str) -> list[Finding]:
    (tmp_path / "mine.rego").write_text(text)
    (tmp_path / "mine_test.rego").write_text("not even Rego")
    return sorted(rego.judge(rego.load([tmp_path]), Planned(facts())), key=lambda finding: finding.rule)


@pytest.mark.usefixtures("without_tools")
def test_rego_is_read_as_conftest_reads_it(tmp_path: Path) -> None:
    denied, named, warned = by_rego(tmp_path, REGO)
    assert (denied.rule, denied.verdict, denied.level) == ("main.deny", Verdict.DENY, Level.MANDATORY)
    assert denied.message == 'aws_instance.web is 20 GB: say "hi"\n'
    assert (named.rule, named.level, named.cure, named.where) == (
        "main.named",
        Level.OVERRIDABLE,
        "mend it",
        "main.tf:7",
    )
    assert (warned.rule, warned.verdict) == ("main.warn", Verdict.WARN)


@pytest.mark.usefixtures("without_tools")
def test_rego_of_before_version_1_is_read_too(tmp_path: Path) -> None:
    (found,) = by_rego(
        tmp_path, 'package old\ndeny[msg] { input.resource_changes[_].type == "aws_instance"; msg := "old" }\n'
    )
    assert (found.rule, found.message) == ("old.deny", "old")


@pytest.mark.usefixtures("without_tools")
@pytest.mark.parametrize(
    "text",
    [
        "package main\ndeny[",
        "deny contains 1",
        "package main\nimport rego.v1\ndeny contains msg if { msg := nobody(1) }",
        "package main\nimport rego.v1\ndeny contains msg if { msg := http.send({}).body }",
        'package main\nimport rego.v1\ndeny contains {"msg": "x", "level": "strong"}',
    ],
    ids=["syntax", "no package", "no such function", "asks the network", "no such level"],
)
def test_a_broken_rego_policy_is_an_error_and_not_silence(tmp_path: Path, text: str) -> None:
    with pytest.raises(PolicyBroken):
        by_rego(tmp_path, text)


def test_a_rego_policy_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyBroken, match="no Rego policy at"):
        rego.load([tmp_path / "nowhere"])


def mine(facts: Facts) -> Iterator[Finding]:
    """An entry point as a test writes one."""
    yield Finding("mine", Verdict.DENY, Level.MANDATORY, message=facts.stacks[0].name)


def wrong(facts: Facts) -> list[str]:
    return ["no finding"]


@pytest.fixture
def entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    here = [EntryPoint(name, f"{__name__}:{name}", python.GROUP) for name in ("mine", "wrong", "missing", "REGO")]
    monkeypatch.setattr(python, "entry_points", lambda group: here)
    monkeypatch.setattr(EntryPoint, "load", lambda self: globals()[self.name])


@pytest.mark.usefixtures("entry_points")
def test_a_python_policy_is_a_function_of_the_facts() -> None:
    (found,) = python.judge("mine", python.load(["mine"])["mine"], facts())
    assert (found.message, found.engine) == ("web", "python:mine")


@pytest.mark.usefixtures("entry_points")
@pytest.mark.parametrize(
    ("name", "said"), [("mien", "no entry point"), ("missing", "cannot be loaded"), ("REGO", "no function")]
)
def test_a_python_policy_that_cannot_be_loaded_is_an_error(name: str, said: str) -> None:
    with pytest.raises(PolicyBroken, match=said):
        python.load([name])


@pytest.mark.usefixtures("entry_points")
def test_a_python_policy_that_gives_something_else_is_an_error() -> None:
    with pytest.raises(PolicyBroken, match="gave a str"):
        list(python.judge("wrong", python.load(["wrong"])["wrong"], facts()))


def test_recorded_checkov_output_becomes_findings() -> None:
    data = (SAMPLES / "checkov.json").read_bytes()
    found = list(checkov.findings(data, "web", Level.ADVISORY, MappingProxyType({"aws_s3_bucket.logs": "main.tf:3"})))
    assert [(one.rule, one.address, one.where) for one in found] == [
        ("CKV_AWS_24", 'module.web["a"].aws_security_group.web', ""),
        ("CKV2_AWS_6", "aws_s3_bucket.logs", "main.tf:3"),
        ("CKV_AWS_20", "aws_s3_bucket.logs", "main.tf:3"),
    ]
    assert {one.verdict for one in found} == {Verdict.WARN}


@pytest.mark.parametrize("data", [(SAMPLES / "checkov_nothing.json").read_bytes(), b"Traceback"])
def test_checkov_that_looked_at_nothing_is_an_error(data: bytes) -> None:
    with pytest.raises(PolicyBroken):
        list(checkov.findings(data, "web", Level.ADVISORY))


def test_checkov_knows_a_plan_by_its_version_and_sees_no_secret() -> None:
    told = json.loads(checkov.document(facts().stacks[0]))
    assert told["terraform_version"]
    (change,) = told["resource_changes"]
    assert change["change"]["after"]["secret"] == "***"
    assert change["change"]["after_unknown"] == {
        "subnet_id": True,
        "open": [{}, True],
        "arn": True,
        "tags": {"stage": True},
    }


def test_checkov_never_calls_home_and_is_told_what_to_check() -> None:
    argv = checkov.command("checkov", "plan.json", ["CKV_AWS_20"])
    assert "--skip-download" in argv
    assert argv[-2:] == ["--check", "CKV_AWS_20"]
    with pytest.raises(PolicyBroken, match="there is no /nowhere/checkov"):
        checkov.find("/nowhere/checkov")


def test_files_are_judged_by_too_and_nothing_makes_their_rules_weaker(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/policy.yaml").write_text("rules: {instance-types: {allow: [m5.*]}}\nfiles: [../own.yaml]\n")
    own = 'rules: {instance-types: {allow: ["*"]}}\nfiles: [./shared/policy.yaml]\n'
    (tmp_path / "own.yaml").write_text(own)
    judged = engine(load_policy(own), tmp_path).judge(facts())
    assert [(one.rule, one.verdict) for one in judged] == [("instance-types", Verdict.DENY)]


def test_a_policy_file_with_problems_names_each_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("rules:\n  public-ingres: {ports: [443]}\nfile: []\n")
    with pytest.raises(BlueprintInvalid) as invalid:
        engine(load_policy("files: [./policy.yaml]"), tmp_path)
    told = str(invalid.value)
    assert "policy.yaml:2:3: rules.public-ingres: unknown key 'public-ingres'; did you mean 'public-ingress'?" in told
    assert "policy.yaml:3:1: file: unknown key 'file'; did you mean 'files'?" in told
    with pytest.raises(PolicyBroken, match="cannot be read"):
        engine(load_policy("files: [./nowhere.yaml]"), tmp_path)


def test_nothing_to_judge_by_says_nothing() -> None:
    nothing = engine(load_policy("rules: {}"), Path())
    assert nothing.empty
    assert nothing.judge(facts()) == ()


def test_a_stack_without_a_plan_is_told_whatever_the_engine() -> None:
    own = "cel: [{name: a, deny: 'true', message: no}]"
    (told,) = engine(load_policy(own), Path()).judge(Facts(date(2026, 6, 1), stacks=(StackFacts("web"),)))
    assert (told.rule, told.verdict, told.stack) == ("not-planned", Verdict.UNKNOWN, "web")
