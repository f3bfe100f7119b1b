"""The wheel: what it puts into somebody's site-packages, and that what ships is found from there."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BUILD = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel of this checkout, built as pip would build it, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-c", BUILD, str(folder)]
    built = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(folder / built.stdout.split()[-1]) as archive:
        yield archive


def test_the_top_level_of_site_packages_gets_these_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    top = {name.split("/")[0] for name in wheel.namelist()}
    information = {name for name in top if name.endswith(".dist-info")}
    assert top - information == {"adapters", "baton", "flows", "lifecycle", "local_cloud"}
    assert len(information) == 1


def test_modules_and_playbooks_ship_as_data_of_baton(wheel: zipfile.ZipFile) -> None:
    shipped = {name.removeprefix("baton/_shipped/") for name in wheel.namelist() if name.startswith("baton/_shipped/")}
    there = {
        path.relative_to(ROOT).as_posix()
        for folder in ("terraform", "playbooks")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and ".terraform" not in path.as_posix()
    }
    assert "terraform/modules/network/main.tf" in shipped
    assert shipped == there | {"prefect.yaml"}


def test_nothing_of_the_workshop_ships(wheel: zipfile.ZipFile) -> None:
    wrong = ("__pycache__", ".terraform", "tfstate", "tests/", "/test_")
    assert [name for name in wheel.namelist() if any(part in name for part in wrong)] == []


def test_the_command_is_called_baton(wheel: zipfile.ZipFile) -> None:
    [entry_points] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "baton = baton.__main__:main" in wheel.read(entry_points).decode()


def test_an_installation_finds_what_ships(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    code = "from adapters.shipped import *; print(terraform_dir()); print(playbooks_dir())"
    argv = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"]
    said = subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    assert said == [str(tmp_path / "baton/_shipped/terraform"), str(tmp_path / "baton/_shipped/playbooks")]
