"""What a person types first: `make`, and what the README and the continuous integration say about it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from lifecycle.errors import ExitCode

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def makefile() -> str:
    return (ROOT / "Makefile").read_text()


def test_make_alone_lists_every_command(makefile: str) -> None:
    alone = {
        name: value for name, value in os.environ.items() if not name.startswith("MAKE")
    }  # not as a child of `make test`
    listed = subprocess.run(
        ["make"], cwd=ROOT, env=alone, check=True, capture_output=True, text=True, timeout=30
    ).stdout
    declared = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert declared
    assert [line.split()[1] for line in listed.splitlines()] == declared[1].split()


def test_every_command_that_needs_the_environment_sets_it_up(makefile: str) -> None:
    recipes = re.findall(r"^([a-z0-9-]+):([^#\n]*)##[^\n]*\n((?:\t[^\n]*\n)+)", makefile, re.MULTILINE)
    using = [
        name
        for name, needs, recipe in recipes
        if re.search(r"PYTHON|\.venv/bin|scripts/demo", recipe) and "setup" not in needs
    ]
    assert recipes
    assert not using


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    assert re.search(r"^make test\b", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert re.search(r"^make test\b", (ROOT / ".ci/run").read_text(), re.MULTILINE)


@pytest.mark.parametrize("script", [".ci/run", "scripts/setup", "scripts/lock", "scripts/demo"])
def test_scripts_are_executable_and_parse(script: str) -> None:
    path = ROOT / script
    interpreter = path.read_text().splitlines()[0].removeprefix("#!").split()[-1]
    assert path.stat().st_mode & 0o111
    subprocess.run([Path(interpreter).name, "-n", path], check=True, timeout=30)


def test_the_readmes_table_of_exit_codes_is_the_programs() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [(int(code), meaning.replace("`", "")) for code, meaning in rows] == [
        (code.value, code.meaning) for code in ExitCode
    ]
