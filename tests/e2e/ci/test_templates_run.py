"""The templates' own commands, run as the CI systems would run them, against the local cloud."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.forge import Forge
from tests.support.pipelines import GitHub, GitLab, Ran, Runner, copying

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = ROOT / "examples" / "ci"
SETTINGS = {"BLUEPRINT": "examples/minimal", "NAME": "minimal", "BATON_CLOUD": "local"}


@pytest.fixture
def forge() -> Iterator[Forge]:
    one = Forge()
    try:
        yield one
    finally:
        one.close()


@pytest.fixture
def runner(baton: Any, tmp_path: Path) -> Runner:
    baton("cloud", "up")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    parts = [ROOT / part for part in ("examples", "terraform", "playbooks")]
    return Runner(tmp_path / "runner", copying(*parts, change=needs_approval), {**baton.environ, "PATH": path})


def needs_approval(workspace: Path) -> None:
    """The main environment of the example asks for an approval of every change."""
    with (workspace / "examples/minimal/blueprint.yaml").open("a") as blueprint:
        blueprint.write("\napproval: {environments: [main], always: true}\n")


def github(runner: Runner, forge: Forge, event: dict[str, Any], ref: str) -> GitHub:
    settings = SETTINGS | {"ENVIRONMENT": "main"}
    return GitHub(runner, event, ref, settings, {"TOKEN": "t0ken"}, forge.url)


def pull_request(action: str) -> dict[str, Any]:
    return {"action": action, "pull_request": {"number": 17, "head": {"repo": {"full_name": "o/r"}}}}


def good(jobs: dict[str, Ran], *names: str) -> None:
    assert list(jobs) == list(names)
    for name, ran in jobs.items():
        assert ran.good, f"{name}: {ran.steps}\n{ran.log}"


def phase(baton: Any, ref: str) -> str:
    return str(baton("status", ref, "--json").lines[0]["phase"])


def test_github_a_pull_request_from_its_plan_to_its_end(baton: Any, runner: Runner, forge: Forge) -> None:
    merge = "refs/pull/17/merge"
    good(github(runner, forge, pull_request("opened"), merge).run(TEMPLATES / "github/plan.yml"), "plan")
    assert forge.comments[1].startswith("<!-- baton: minimal/main -->\n\n### minimal/main: changes")

    jobs = github(runner, forge, pull_request("opened"), merge).run(TEMPLATES / "github/environment.yml")
    good(jobs, "up")
    assert phase(baton, "minimal/pr-17") == "ready"
    assert "lease: ends" in baton("lease", "show", "minimal/pr-17").out
    cases = ElementTree.parse(jobs["up"].workspace / "baton-checks.xml").getroot().iter("testcase")
    found = {case.attrib["name"]: [child.tag for child in case] for case in cases}
    assert found == {name: ["system-out"] for name in ("greets", "ssh-closed", "nginx-runs")}
    assert "::group::up minimal/pr-17 r" in jobs["up"].log
    assert "is ready" in forge.comments[2]

    good(
        github(runner, forge, pull_request("closed"), "refs/heads/main").run(TEMPLATES / "github/environment.yml"),
        "down",
    )
    assert phase(baton, "minimal/pr-17") == "destroyed"
    assert len(forge.comments) == 2  # replaced
    assert "is destroyed" in forge.comments[2]
    assert forge.tokens == {"Bearer t0ken"}
    good(github(runner, forge, pull_request("closed"), merge).run(TEMPLATES / "github/environment.yml"), "down")


def test_github_the_main_branch_with_approval_and_the_night(baton: Any, runner: Runner, forge: Forge) -> None:
    push = github(runner, forge, {"ref": "refs/heads/main"}, "refs/heads/main")
    jobs = push.run(TEMPLATES / "github/deploy.yml")
    good(jobs, "plan", "up")
    assert jobs["plan"].outputs["approval"] == "needed"
    assert jobs["up"].steps["Approve"] == 0
    assert phase(baton, "minimal/main") == "ready"

    jobs = push.run(TEMPLATES / "github/deploy.yml")  # nothing changed: nobody has to approve anything
    good(jobs, "plan", "up")
    assert "Approve" not in jobs["up"].steps

    good(push.run(TEMPLATES / "github/nightly.yml"), "tick", "drift")
    baton("ci", "down", "minimal/main")


def test_gitlab_a_merge_request_from_its_plan_to_its_end(baton: Any, runner: Runner, forge: Forge) -> None:
    given = SETTINGS | {
        "ENVIRONMENT": "main",
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "17",
        "CI_PROJECT_ID": "9",
        "CI_API_V4_URL": forge.url,
        "CI_DEFAULT_BRANCH": "main",
        "GITLAB_TOKEN": "t0ken",
    }
    jobs = GitLab(runner, given).run(TEMPLATES / "gitlab/.gitlab-ci.yml", {"stop-review": True})
    good(jobs, "plan", "review", "stop-review")
    assert jobs["review"].outputs["BATON_CI_ENVIRONMENT"] == "minimal/pr-17"
    assert jobs["review"].outputs["BATON_CI_PHASE"] == "ready"
    assert jobs["review"].outputs["BATON_CI_URL"].startswith("http://")
    assert "section_start:" in jobs["review"].log
    assert phase(baton, "minimal/pr-17") == "destroyed"
    assert sorted(text.splitlines()[0] for text in forge.comments.values()) == [
        "<!-- baton: minimal/main -->",
        "<!-- baton: minimal/pr-17 -->",
    ]
