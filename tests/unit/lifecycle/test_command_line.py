"""What a command line says and ends with when what it names is not there, or nobody reads what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def baton(home: Path, *words: str, read: bool = True) -> tuple[int, str]:
    """Exit code and stderr."""
    environ = os.environ | {"BATON_HOME": str(home), "NO_COLOR": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "baton", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if not read:
            process.stdout.close()
        error = process.stderr.read()
        return process.wait(60), error


@pytest.mark.parametrize("verb", ["status", "hosts", "down"])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_environment_that_is_not_there_is_wrong_usage_in_every_verb(
    tmp_path: Path, verb: str, form: tuple[str, ...]
) -> None:
    code, error = baton(tmp_path, verb, "nothing/here", *form)
    assert code == 64
    assert ("nothing/here" in error) is (form == ())


def test_an_error_that_nobody_reads_is_still_an_exit_code(tmp_path: Path) -> None:
    assert baton(tmp_path, "up", str(tmp_path / "nowhere"), "--json", read=False) == (64, "")


def test_a_name_that_cannot_be_an_environments_is_said_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "blueprint.yaml").write_text("blueprint: 1\nname: shop\nstacks: {web: {source: .}}\n")
    code, error = baton(tmp_path / "home", "up", str(tmp_path), "--env", "Not_One")
    assert code == 64
    assert "cannot be the name of an environment" in error
    assert not (tmp_path / "home" / "engine").exists()


def test_a_secret_on_the_command_line_is_refused_before_the_engine_hears_of_it(tmp_path: Path) -> None:
    text = "blueprint: 1\nname: shop\ninputs: {pw: {type: string, secret: true, from: env:PW}}\nstacks: {web: {source: .}}\n"
    (tmp_path / "blueprint.yaml").write_text(text)
    code, error = baton(tmp_path / "home", "up", str(tmp_path), "--input", "pw=hunter22")
    assert code == 64
    assert "input 'pw' is a secret" in error
    assert "hunter22" not in error
    assert not (tmp_path / "home" / "engine").exists()


@pytest.mark.parametrize("verb", ["logs", "trace", "history", "certificate", "ssh"])
def test_nothing_is_told_of_an_environment_that_was_never_begun(tmp_path: Path, verb: str) -> None:
    assert baton(tmp_path, verb, "nothing/here") == (
        64,
        "error: there is no environment nothing/here\nsee the environments with: baton status\n",
    )


def test_a_word_too_many_is_named(tmp_path: Path) -> None:
    code, error = baton(tmp_path, "up", "shop", "and", "more")
    assert code == 64
    assert "does not know what to do with 'and more'" in error
    assert "see: baton up --help" in error


def test_a_verb_that_does_not_exist_leads_to_the_list_of_those_that_do(tmp_path: Path) -> None:
    code, error = baton(tmp_path, "destroy")
    assert code == 64
    assert "see: baton --help\n" in error


def test_the_program_and_the_exit_code_agree_on_a_wrong_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "baton", "up", "--nope", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert json.loads(done.stdout)["exit_code"] == done.returncode == 64


def test_a_cloud_that_is_none_is_said_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_CLOUD", "nonsense")
    (tmp_path / "blueprint.yaml").write_text("blueprint: 1\nname: shop\nstacks: {web: {source: .}}\n")
    code, error = baton(tmp_path / "home", "up", str(tmp_path))
    assert code == 64
    assert "'nonsense' is no cloud" in error
    assert not (tmp_path / "home" / "engine").exists()
