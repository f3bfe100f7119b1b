"""What runs the templates in tests runs them as the CI systems do."""

import os
from pathlib import Path

import pytest

from tests.support.expressions import evaluated, filled, within
from tests.support.pipelines import GitHub, GitLab, Runner, copying, github_outputs


def test_expressions_as_the_templates_use_them() -> None:
    look_up = within({"github": {"event": {"action": "closed"}}, "needs": {"plan": {"outputs": {"approval": ""}}}})
    assert evaluated("github.event.action == 'closed' && needs.plan.outputs.approval != 'needed'", look_up) is True
    assert evaluated("!(always() || nothing.there)", look_up) is False
    assert filled("a ${{ github.event.action }} b ${{ not.there }}", look_up) == "a closed b "
    with pytest.raises(ValueError, match="not understood"):
        evaluated("failure()", look_up)


def test_outputs_with_delimiters() -> None:
    assert github_outputs("a<<e1\nx\ny\ne1\nb<<e2\n\ne2\n") == {"a": "x\ny", "b": ""}


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("checked out\n")
    return Runner(tmp_path / "jobs", copying(source), {"PATH": os.environ["PATH"]})


def test_a_failed_step_ends_its_job_and_those_that_need_it(runner: Runner, tmp_path: Path) -> None:
    flow = tmp_path / "flow.yml"
    flow.write_text("""
jobs:
  after: {needs: first, steps: [{run: echo never}]}
  never: {if: github.event.action == 'x', steps: [{run: echo never}]}
  first:
    env: {NAME: "${{ vars.NAME }}"}
    steps:
      - uses: actions/checkout@v4
      - {name: out, id: out, run: 'cat source/file; printf "a<<e\\n%s\\ne\\n" "$NAME" >> "$GITHUB_OUTPUT"'}
      - {name: bad, run: 'false; echo not reached'}
      - {name: skipped, run: echo never}
      - {name: always, if: always(), env: {A: "${{ steps.out.outputs.a }}"}, run: 'echo "got $A"'}
""")
    ran = GitHub(runner, {}, "refs/heads/main", {"NAME": "it's"}, {}).run(flow)
    assert list(ran) == ["first"]
    assert ran["first"].steps == {"out": 0, "bad": 1, "always": 0}
    assert not ran["first"].good
    assert "checked out\n" in ran["first"].log
    assert "got it's\n" in ran["first"].log
    assert "\nnot reached\n" not in ran["first"].log


def test_gitlab_jobs_get_the_variables_of_those_that_they_need(runner: Runner, tmp_path: Path) -> None:
    flow = tmp_path / "flow.yml"
    flow.write_text("""
stages: [one, two]
.base: {before_script: [echo before]}
hand: {extends: .base, stage: two, needs: [make], rules: [{if: $S == "mr", when: manual}], script: ['echo "$X"'], variables: {GIT_STRATEGY: none}}
make: {extends: .base, stage: one, rules: [{if: $S == "mr"}], script: ['cat source/file', 'echo X=y > v'], after_script: [echo after], artifacts: {reports: {dotenv: v}}}
other: {extends: .base, stage: one, rules: [{if: $S == "push"}], script: [echo never]}
""")
    pipeline = GitLab(runner, {"S": "mr"})
    assert list(pipeline.run(flow)) == ["make"]
    ran = pipeline.run(flow, {"hand": True})
    assert list(ran) == ["make", "hand"]
    assert "\ny\n" in ran["hand"].log
    assert not (ran["hand"].workspace / "source").exists()
    assert "after\n" in ran["make"].log
