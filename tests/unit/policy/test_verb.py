"""`baton policy`: cases are judged, what is wrong is named by file and line."""

import json
from pathlib import Path

import pytest

from baton.__main__ import run
from lifecycle.errors import ExitCode
from lifecycle.policy.registry import RULES

PLAN = Path(__file__).parents[2] / "golden" / "terraform" / "plans" / "aws_tags.json"
CASES = """\
policy:
  rules: {images: {allow: [ami-good]}}
cases:
  - name: a good image
    resources: [{type: aws_instance, after: {ami: ami-good}}]
  - name: a bad one
    resources: [{type: aws_instance, after: {ami: ami-bad}}]
    expect:
      - {rule: images, verdict: VERDICT}
"""


def test_cases_that_are_as_expected_are_ok(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "images_test.yaml").write_text(CASES.replace("VERDICT", "deny"))
    assert run(["policy", "test", str(tmp_path)]) == ExitCode.OK
    assert capsys.readouterr().out == "2 cases in 1 file: none wrong\n"


def test_a_case_that_is_not_names_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "images_test.yaml"
    file.write_text(CASES.replace("VERDICT", "warn"))
    assert run(["policy", "test", str(file)]) == ExitCode.FAILED
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{file}:9: a bad one: expected warn by images"
    assert told[1].startswith(f"{file}:6: a bad one: not expected: deny by images at aws_instance.this: ami is ami-bad")
    assert run(["policy", "test", str(file), "--json"]) == ExitCode.FAILED
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["type"] for line in lines] == ["case", "case", "result"]
    assert [wrong["line"] for wrong in lines[1]["wrong"]] == [9, 6]


def test_a_case_may_name_a_real_plan_and_a_blueprint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.json").write_bytes(PLAN.read_bytes())
    own = "blueprint: 1\nname: a\nstacks: {w: {source: ./w}}\npolicy: {rules: {required-tags: {tags: [owner], ignore: [aws_vpc]}}}\n"
    (tmp_path / "blueprint.yaml").write_text(own)
    (tmp_path / "a_test.yaml").write_text("blueprint: ./\ncases: [{name: a plan, plan: ./plan.json}]\n")
    assert run(["policy", "test", str(tmp_path)]) == ExitCode.OK
    assert "1 case" in capsys.readouterr().out


@pytest.mark.parametrize("text", [None, "cases: []\n", "cases: [{nam: x}]\n"])
def test_no_cases_are_an_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "a_test.yaml").write_text(text)
    assert run(["policy", "test", str(tmp_path)]) == ExitCode.USAGE


def test_every_built_in_rule_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "rules", "--json"]) == ExitCode.OK
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["rule"] for one in told] == list(RULES)
    assert all("level" in one["parameters"] and one["demands"] and one["looks_at"] for one in told)
    assert run(["policy", "rules"]) == ExitCode.OK
    assert "no-plaintext-secret" in capsys.readouterr().out
