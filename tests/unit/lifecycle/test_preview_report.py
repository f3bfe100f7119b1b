"""A preview for people, for programs and for a pull request: all of it is read off the same fields."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from baton.previews import NoPreview, save_preview, saved_preview
from lifecycle.configuration import TaskChange
from lifecycle.cost import Estimate, Line
from lifecycle.environment import EnvironmentRef
from lifecycle.observed import Reviewed
from lifecycle.plan import Action, Diagnostic, Fidelity, Plan, ResourceChange, Severity
from lifecycle.policy.finding import Finding, Level, Verdict
from lifecycle.preview import HostPreview, HostWork, Preview, StackPreview, StepPreview
from lifecycle.report.preview.fields import preview_fields
from lifecycle.report.preview.markdown import LIMIT, preview_markdown
from lifecycle.report.preview.text import preview_text

UPDATED = ResourceChange(
    "aws_instance.web",
    "aws_instance",
    Action.REPLACE,
    "i-1",
    before={"ami": "ami-1", "user_data": "***", "tags": {"a": "b"}},
    after={"ami": "ami-2", "user_data": "***", "tags": {"a": "b"}},
    unknown=("id",),
    replace_paths=("ami",),
    where="main.tf:3",
)
GONE = ResourceChange("aws_eip.old", "aws_eip", Action.DELETE, "eip-1")
MOVED = ResourceChange("aws_vpc.new", "aws_vpc", Action.MOVE, "vpc-1", previous_address="aws_vpc.old")
DRIFT = ResourceChange(
    "aws_security_group.web", "aws_security_group", Action.UPDATE, before={"ingress": []}, after={"ingress": ["5432"]}
)
COST = Line("front", "aws_instance.web", "aws_instance", "eu-west-1", "", Decimal("8.00"), Decimal("16.00"), "t3.small")
NOBODY_KNOWS = Plan("later", "", Fidelity.NONE, diagnostics=(Diagnostic(Severity.WARNING, "it depends on x"),))

PREVIEW = Preview(
    EnvironmentRef("shop", "dev"),
    stacks=(
        StackPreview("front", Fidelity.EXACT, Plan("front", "d1", changes=(UPDATED, GONE, MOVED), drift=(DRIFT,))),
        StackPreview("back", Fidelity.PREDICTED, Plan("back", "d2", Fidelity.PREDICTED)),
        StackPreview("later", Fidelity.NONE, reason="how many there are depends on it"),
    ),
    steps=(
        StepPreview(
            "web",
            (
                HostPreview("web-1", HostWork.NOTHING, Fidelity.EXACT),
                HostPreview(
                    "web-2",
                    HostWork.AGAIN,
                    Fidelity.PREDICTED,
                    (TaskChange("Write the page", "-old\n+new"), TaskChange("Restart", handler=True)),
                ),
                HostPreview("web-3", HostWork.NEW, Fidelity.NONE),
                HostPreview("web-4", HostWork.AGAIN, Fidelity.PREDICTED, trouble="Copy: no such file"),
            ),
        ),
    ),
    findings=(
        Finding("public-ingress", Verdict.DENY, Level.MANDATORY, "front", "aws_security_group.web", "22 is open"),
    ),
    estimate=Estimate("USD", date(2026, 1, 2), "a price list", "eu-west-1", ("front",), (COST,)),
    lease=timedelta(hours=8),
    parts={"blueprint": "x"},
    hosts={"i-1": "web-1", "i-2": "web-2"},
)
REVIEWED = Reviewed(PREVIEW, "an approval is needed: destroys aws_eip.old")


def text() -> list[str]:
    return list(preview_text(preview_fields(REVIEWED)))


def test_a_person_reads_what_changes_and_what_is_different_in_it() -> None:
    lines = text()
    assert lines[0] == "stack front: 1 to replace, 1 to destroy, 1 to move"
    assert "  ± aws_instance.web (forced by ami)" in lines
    assert '      ami: "ami-1" → "ami-2"' in lines
    assert "  - aws_eip.old" in lines
    assert "  → aws_vpc.new (was aws_vpc.old)" in lines
    assert "  drift: ~ aws_security_group.web" in lines
    assert "stack back: no changes (predicted)" in lines
    assert "stack later: not known yet: how many there are depends on it" in lines
    assert "destroys 1 resource: aws_eip.old" in lines
    assert "replaces 1 resource: aws_instance.web" in lines
    assert lines[-1].endswith("an approval is needed: destroys aws_eip.old")
    assert not [line for line in lines if "user_data" in line]  # it does not differ


def test_a_person_reads_what_would_run_on_each_host_and_how_sure_that_is() -> None:
    lines = text()
    assert "  web-1: nothing to do" in lines
    at = lines.index("  web-2: configured again (predicted)")
    assert lines[at + 1 : at + 5] == ["    ~ Write the page", "      -old", "      +new", "    ↻ Restart"]
    assert "  web-3: new host, the whole playbook (unknown: it depends on what is not known yet)" in lines
    assert "    not foreseen: Copy: no such file" in lines


def test_policy_cost_and_lease_are_in_it() -> None:
    lines = text()
    assert any(line.startswith("✗ deny (mandatory) public-ingress") for line in lines)
    assert any(line.startswith("total") and line.rstrip().endswith("+8.00") for line in lines)
    assert "lease: it may stand for 8h, then the next tick takes it down" in lines


def test_a_program_gets_the_same() -> None:
    fields = preview_fields(REVIEWED)
    assert fields["stacks"]["front"]["changes"][0]["attributes"] == [
        {"name": "ami", "before": "ami-1", "after": "ami-2"}
    ]
    assert (fields["denied"], fields["destroys"], fields["hosts_lost"], fields["hosts"]) == (
        True,
        ["aws_eip.old"],
        1,
        2,
    )
    assert fields["not_known_yet"] == ["later"]
    assert json.loads(json.dumps(fields)) == fields


def test_a_kept_preview_is_shown_as_it_was(tmp_path: Path) -> None:
    fields = preview_fields(REVIEWED)
    save_preview(tmp_path / "one.json", fields)
    assert (tmp_path / "one.json").stat().st_mode & 0o777 == 0o600
    assert list(preview_text(saved_preview(tmp_path / "one.json"))) == text()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "another"}', "\udcff"])
def test_what_is_no_preview_is_said_so(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(NoPreview):
        saved_preview(file)


def test_markdown_has_numbers_a_graph_and_everything_in_a_fold() -> None:
    page = preview_markdown(preview_fields(REVIEWED))
    assert page.startswith("### shop/dev: denied by its policy")
    assert "| front | 1 to replace, 1 to destroy, 1 to move | exact |" in page
    assert "| later | how many there are depends on it | no |" in page
    assert "```mermaid\ngraph LR" in page
    assert "<details><summary>everything</summary>" in page


def test_markdown_keeps_within_a_comment_and_says_what_it_leaves_out() -> None:
    many = tuple(replace(GONE, address=f"aws_eip.old[{n}]") for n in range(5000))
    front = StackPreview("front", Fidelity.EXACT, Plan("front", "d1", changes=many))
    page = preview_markdown(preview_fields(replace(REVIEWED, preview=replace(PREVIEW, stacks=(front,)))))
    assert len(page) <= LIMIT + 1000
    assert "more: baton plan shows them all" in page
