"""Argument vectors: python-terraform builds them, and nothing else of it is left."""

from datetime import timedelta
from pathlib import Path

import pytest

from adapters.terraform import command


def test_every_command_is_what_terraform_expects() -> None:
    out, files = Path("/w/p.tfplan"), (Path("/w/a.json"), Path("/w/b.json"))
    assert command.version() == ["version", "-json"]
    assert command.init(reconfigure=False) == ["init", "-input=false", "-no-color"]
    assert command.init(reconfigure=True)[-1] == "-reconfigure"
    assert command.init(reconfigure=False, backend_config=Path("/w/b"))[-1] == "-backend-config=/w/b"
    assert command.validate() == ["validate", "-json"]
    assert command.plan(out, variables=files, lock_timeout=timedelta(seconds=20), parallelism=5) == [
        "plan", "-input=false", "-json", "-detailed-exitcode", "-out=/w/p.tfplan", "-var-file=/w/a.json", "-var-file=/w/b.json",
        "-lock-timeout=20s", "-parallelism=5",
    ]  # fmt: skip
    assert "-destroy" in command.plan(out, destroy=True)
    assert command.show(out) == ["show", "-json", "/w/p.tfplan"]
    assert command.apply(out) == ["apply", "-input=false", "-json", "-lock-timeout=0s", "/w/p.tfplan"]
    assert command.output() == ["output", "-json"]
    assert command.state_list() == ["state", "list"]


def test_a_mistyped_method_is_an_error_and_not_a_subcommand() -> None:
    with pytest.raises(AttributeError, match="no method 'plam'"):
        command._vectors.plam()


def test_python_terraform_runs_nothing_and_reads_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "terraform.tfstate").write_text("not even JSON")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AttributeError, match="runs nothing"):
        command._Vectors().cmd("version")


def test_a_mapping_is_refused_because_it_would_become_a_file_for_all_to_read() -> None:
    with pytest.raises(TypeError):
        command._vector("plan", var={"password": "x"})
