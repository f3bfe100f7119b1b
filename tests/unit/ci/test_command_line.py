"""`baton ci` where no engine is needed: what is wrong ends at once with its code, and the files are there all the same."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest


def ci(home: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "BATON_HOME": str(home / "home"), "NO_COLOR": "1", **environ}
    return subprocess.run(
        [sys.executable, "-m", "baton", "ci", *words],
        env=given, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/pull/17/merge"}


@pytest.mark.parametrize("verb", ["plan", "up", "down"])
def test_without_a_pull_request_the_environment_must_be_named(tmp_path: Path, verb: str) -> None:
    done = ci(tmp_path, verb)
    assert done.returncode == 64
    assert "name it: --env NAME" in done.stderr
    assert not (tmp_path / "home" / "engine").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("up", "--lease", "soon"), "'soon' is no time for --lease"),
        (("up", "--lease", "0s"), "'0s' is no time for --lease"),
        (("run", "up", "--timeout", "0m"), "'0m' is no time for --timeout"),
        (("run", "up", "-p", "blueprint"), "'blueprint' is not a parameter"),
        (("comment", "nowhere.md"), "nowhere.md cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_started(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = ci(tmp_path, *words, **GITHUB)
    assert done.returncode == 64
    assert said in done.stderr
    assert not (tmp_path / "home" / "engine").exists()


def test_a_mistake_in_the_blueprint_is_annotated_and_is_in_every_file(tmp_path: Path) -> None:
    (tmp_path / "blueprint.yaml").write_text("blueprint: 1\nname: shop\nstackz: {}\n")
    files = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "GITHUB_OUTPUT": str(tmp_path / "outputs")}
    words = ("up", "--junit", "checks.xml", "--comment", "comment.md", "--dotenv", "env")
    done = ci(tmp_path, *words, **GITHUB, **files, GITHUB_WORKSPACE=str(tmp_path))
    assert done.returncode == 64
    assert "::error file=blueprint.yaml,line=3,col=1,title=stackz::" in done.stderr
    (case,) = ElementTree.parse(tmp_path / "checks.xml").getroot().iter("testcase")
    assert [child.tag for child in case] == ["error"]
    assert "exit code 64" in (case.findtext("error") or "")
    assert "up ended with 64" in (tmp_path / "comment.md").read_text()
    assert (tmp_path / "summary").read_text() == (tmp_path / "comment.md").read_text()
    assert "\n64\n" in (tmp_path / "outputs").read_text()
    assert "BATON_CI_EXIT_CODE=64\n" in (tmp_path / "env").read_text()


def test_an_environment_that_was_never_there_is_taken_down_already(tmp_path: Path) -> None:
    done = ci(tmp_path, "down", "shop/pr-17", "--comment", "comment.md", **GITHUB)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "shop/pr-17 does not stand: there is nothing to take down\n"
    assert "### shop/pr-17 does not stand" in (tmp_path / "comment.md").read_text()
    assert not (tmp_path / "home" / "engine").exists()
