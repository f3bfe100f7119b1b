"""The templates hold what real linters ask of them, and what we ask: actions by version, few rights, no secret in a command."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "ci"
GITHUB = sorted((EXAMPLES / "github").glob("*.yml"))
GITLAB = EXAMPLES / "gitlab" / ".gitlab-ci.yml"
LINTERS = ROOT / "tests" / "support" / "linters"


def lint(program: str, *words: str | Path) -> None:
    path = Path(sys.executable).with_name(program)
    done = subprocess.run([path, *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_yaml_is_written_as_yaml() -> None:
    lint("yamllint", "--strict", "-c", LINTERS / "yamllint.yml", *GITHUB, GITLAB)


def test_workflows_fit_githubs_schema() -> None:
    assert len(GITHUB) >= 4
    lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *GITHUB)


def test_the_pipeline_fits_gitlabs_schema() -> None:
    lint("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", GITLAB)


def test_workflows_hold_nothing_dangerous() -> None:
    lint("zizmor", "--offline", "--no-progress", "--config", LINTERS / "zizmor.yml", *GITHUB)


@pytest.mark.skipif(
    shutil.which("actionlint") is None, reason="no actionlint on PATH (its package on PyPI downloads it from GitHub)"
)
def test_workflows_pass_actionlint() -> None:
    lint("actionlint", *GITHUB)


@pytest.mark.parametrize("path", GITHUB, ids=lambda path: path.stem)
def test_a_workflow_asks_for_little_and_says_how_long(path: Path) -> None:
    flow: Any = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    assert flow["permissions"] in ("", {}) or flow["permissions"] == {}
    assert "concurrency" in flow
    for job in flow["jobs"].values():
        assert "timeout-minutes" in job
        assert set(job.get("permissions", {}).items()) <= {("contents", "read"), ("pull-requests", "write")}
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "values reach a shell through variables, never through its text"
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/x@v1"))


def test_no_secret_is_in_a_command() -> None:
    flows = [yaml.safe_load(path.read_text()) for path in GITHUB]
    runs = [step["run"] for flow in flows for job in flow["jobs"].values() for step in job["steps"] if "run" in step]
    jobs = [job for job in yaml.safe_load(GITLAB.read_text()).values() if isinstance(job, dict)]
    runs += [line for job in jobs for part in ("script", "before_script", "after_script") for line in job.get(part, [])]
    assert len(runs) > 15
    for line in runs:
        assert not re.search(r"(?i)(?<!-z \")\$\{?\w*(token|secret|password|auth|store)\b", line), line
