"""Runs the commands of a CI template as the CI system would: a workspace of its own for each job, its variables, its files.

What is run is what the template says, by bash as GitHub and GitLab start it. `uses:` is a checkout, or is only noted.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.expressions import evaluated, filled, within

PATIENCE = 3000.0
"""Seconds for one step."""


@dataclass
class Ran:
    """One job: whether it went well, its log, what it put out, its workspace."""

    good: bool
    log: str
    outputs: dict[str, str]
    workspace: Path
    steps: dict[str, int] = field(default_factory=dict)  # name → exit code


@dataclass(frozen=True)
class Runner:
    """A machine that runs jobs. `checkout` fills a workspace; `environ` is what every job sees."""

    base: Path
    checkout: Callable[[Path], None]
    environ: Mapping[str, str]

    def workspace(self, name: str) -> Path:
        number = len(list(self.base.glob("job-*")))
        path = self.base / f"job-{number}-{name}"
        path.mkdir(parents=True)
        return path

    def bash(self, script: str, workspace: Path, environ: Mapping[str, str], options: str = "-e") -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", options, "-c", script],
            cwd=workspace,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, f"$ {script}\n{done.stdout}"


# --- GitHub


@dataclass(frozen=True)
class GitHub:
    """One event, and the repository's settings."""

    runner: Runner
    event: Mapping[str, Any]
    ref: str
    variables: Mapping[str, str]
    secrets: Mapping[str, str]
    api: str = "http://127.0.0.1:9"
    inputs: Mapping[str, str] = field(default_factory=dict)

    def run(self, path: Path) -> dict[str, Ran]:
        """The workflow's jobs by name, each after those that it needs; those whose `if` says no are left out."""
        jobs: dict[str, Any] = yaml.load(path.read_text(), Loader=yaml.BaseLoader)["jobs"]
        done: dict[str, Ran] = {}
        for name in sorted(jobs, key=lambda name: len(_needs(jobs[name]))):
            job = jobs[name]
            if not all(needed in done and done[needed].good for needed in _needs(job)):
                continue
            context = self._context({n: {"outputs": ran.outputs} for n, ran in done.items()})
            if evaluated(job.get("if", "always()"), within(context)):
                done[name] = self._job(name, job, context)
        return done

    def _context(self, needs: Mapping[str, Any]) -> dict[str, Any]:
        github = {"event": self.event, "repository": "o/r", "token": self.secrets.get("TOKEN", ""), "run_id": "5"}
        return {
            "github": github,
            "vars": self.variables,
            "secrets": self.secrets,
            "needs": needs,
            "inputs": self.inputs,
        }

    def _job(self, name: str, job: Mapping[str, Any], context: dict[str, Any]) -> Ran:
        workspace = self.runner.workspace(name)
        files = workspace.parent / f"{workspace.name}-files"
        files.mkdir()
        (files / "event.json").write_text(json.dumps(self.event))
        ran = Ran(True, "", {}, workspace)
        context = {**context, "steps": {}}
        environ = self._environ(workspace, files) | _filled(job.get("env", {}), context)
        for number, step in enumerate(job["steps"]):
            if not evaluated(step.get("if", "always()"), within(context)) or not (ran.good or "if" in step):
                continue
            if step.get("uses", "").startswith("actions/checkout@"):
                self.runner.checkout(workspace)
            if "run" in step:
                output = files / f"output-{number}"
                output.touch()
                given = environ | {"GITHUB_OUTPUT": str(output)} | _filled(step.get("env", {}), context)
                code, log = self.runner.bash(filled(step["run"], within(context)), workspace, given)
                ran.steps[step.get("name", str(number))] = code
                ran.log += log
                ran.good = ran.good and code == 0
                if "id" in step:
                    context["steps"][step["id"]] = {"outputs": github_outputs(output.read_text())}
        ran.outputs = _filled(job.get("outputs", {}), context)
        return ran

    def _environ(self, workspace: Path, files: Path) -> dict[str, str]:
        return {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.api,
            "GITHUB_EVENT_PATH": str(files / "event.json"),
            "GITHUB_REF": self.ref,
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_RUN_ID": "5",
            "GITHUB_SHA": "0123456789abcdef",
            "GITHUB_STEP_SUMMARY": str(files / "summary.md"),
            "GITHUB_WORKSPACE": str(workspace),
        }


def _needs(job: Mapping[str, Any]) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else list(needs)


def _filled(given: Mapping[str, str], context: Mapping[str, Any]) -> dict[str, str]:
    return {name: filled(text, within(context)) for name, text in given.items()}


def github_outputs(text: str) -> dict[str, str]:
    """What a step wrote into GITHUB_OUTPUT, in its form with delimiters."""
    found = re.finditer(r"^(?P<name>[\w-]+)<<(?P<end>\S+)\n(?P<value>.*?)\n?(?P=end)$", text, re.MULTILINE | re.DOTALL)
    return {match["name"]: match["value"] for match in found}


# --- GitLab


@dataclass(frozen=True)
class GitLab:
    """One pipeline: its predefined variables and those of the project."""

    runner: Runner
    variables: Mapping[str, str]

    def run(self, path: Path, jobs: Mapping[str, bool] | None = None) -> dict[str, Ran]:
        """The jobs whose rules hold, by name and in the order of their stages; of those by hand the ones that `jobs` starts."""
        known: dict[str, Any] = yaml.safe_load(path.read_text())
        done: dict[str, Ran] = {}
        for name in sorted(self._wanted(known, jobs or {}), key=lambda n: known["stages"].index(known[n]["stage"])):
            job = {**known[known[name]["extends"]], **known[name]}
            if all(done[needed].good for needed in job.get("needs", ())):
                brought = [done[needed].outputs for needed in job.get("needs", done)]
                done[name] = self._job(name, job, {k: v for one in brought for k, v in one.items()})
        return done

    def _wanted(self, known: Mapping[str, Any], started: Mapping[str, bool]) -> Iterator[str]:
        for name, job in known.items():
            if name.startswith(".") or not isinstance(job, dict) or "script" not in job:
                continue
            rule = next((r for r in job["rules"] if evaluated(r["if"], self._variable)), None)
            if rule is not None and (rule.get("when") != "manual" or started.get(name)):
                yield name

    def _variable(self, name: str) -> str:
        return self.variables.get(name.removeprefix("$"), "")

    def _job(self, name: str, job: Mapping[str, Any], brought: Mapping[str, str]) -> Ran:
        workspace = self.runner.workspace(name)
        given = {**self.variables, **brought, **job.get("variables", {})}
        environ = {"CI": "true", "GITLAB_CI": "true", "CI_PROJECT_DIR": str(workspace), **given}
        if given.get("GIT_STRATEGY") != "none":
            self.runner.checkout(workspace)
        lines = [*job.get("before_script", ()), *job["script"]]
        code, log = self.runner.bash("set -o pipefail\n" + "\n".join(lines), workspace, environ)
        after = [*job.get("before_script", ()), *job.get("after_script", ())] if "after_script" in job else []
        if after:
            log += self.runner.bash("\n".join(after), workspace, environ)[1]
        outputs = {}
        dotenv = job.get("artifacts", {}).get("reports", {}).get("dotenv")
        if dotenv and (workspace / dotenv).exists():
            outputs = dict(line.split("=", 1) for line in (workspace / dotenv).read_text().splitlines())
        allowed = (
            code == 0 or code == (job.get("allow_failure") or {}).get("exit_codes")
            if isinstance(job.get("allow_failure"), dict)
            else code == 0
        )
        return Ran(allowed, log, outputs, workspace, {name: code})


def copying(*parts: Path, change: Callable[[Path], None] = lambda _: None) -> Callable[[Path], None]:
    """A checkout: copies of these folders under their own names, changed as somebody's branch has changed them."""

    def checkout(workspace: Path) -> None:
        for part in parts:
            shutil.copytree(part, workspace / part.name, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        change(workspace)

    return checkout
