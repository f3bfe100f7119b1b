"""A revision's files: what is kept, and that it is laid out again as it was, for its owner alone."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from adapters import revisions
from adapters.revisions import TooLarge, collect, folder, forget, lay_out
from lifecycle.environment import EnvironmentRef
from lifecycle.revision import KeptFile, NoRevision, Revision, revision
from tests.support.stores import T0

REF = EnvironmentRef("shop", "dev")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A blueprint that uses a module beside its folder, and a role from elsewhere on the machine."""
    for name, text in {
        "project/shop/blueprint.yaml": "blueprint: 1\n",
        "project/shop/site.yml": "- hosts: all\n",
        "project/modules/web/main.tf": "# main\n",
        "project/modules/web/files/run.sh": "#!/bin/sh\n",
        "project/unrelated.txt": "nobody asks for it\n",
        "elsewhere/role/tasks/main.yml": "[]\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "project/modules/web/files/run.sh").chmod(0o755)
    return tmp_path / "project"


def collected(project: Path) -> revisions.Collected:
    site, module = project / "shop/site.yml", project / "shop/../modules/web/main.tf"
    reached = [site, module, project / "modules/web/files/run.sh", project.parent / "elsewhere/role/tasks/main.yml"]
    return collect(project / "shop/blueprint.yaml", [site, module], reached)


def kept(project: Path) -> tuple[Revision, dict[str, bytes]]:
    found = collected(project)
    one = revision(at=T0, by="Anna", blueprint=found.blueprint, inputs={}, parts={}, files=found.files)
    return replace(one, number=1), dict(found.contents)


def test_what_is_reached_inside_of_the_project_is_kept_and_nothing_else(project: Path) -> None:
    found = collected(project)
    assert found.blueprint == "shop/blueprint.yaml"
    assert sorted(found.files) == [
        "modules/web/files/run.sh",
        "modules/web/main.tf",
        "shop/blueprint.yaml",
        "shop/site.yml",
    ]
    assert found.files["modules/web/files/run.sh"].executable
    assert set(found.contents) == {file.digest for file in found.files.values()}


def test_it_is_laid_out_as_it_was_for_its_owner_alone(project: Path, tmp_path: Path) -> None:
    one, contents = kept(project)
    place = folder(tmp_path / "home", REF)
    blueprint = lay_out(one, contents, place)
    assert blueprint.read_text() == "blueprint: 1\n"
    assert (blueprint.parent / "../modules/web/main.tf").read_text() == "# main\n"
    for path in (tmp_path / "home").rglob("*"):
        wanted = 0o700 if path.is_dir() or path.name == "run.sh" else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    assert lay_out(one, contents, place) == blueprint
    forget(tmp_path / "home", REF)
    assert not place.exists()


def test_a_lay_out_that_was_killed_half_way_is_begun_anew(project: Path, tmp_path: Path) -> None:
    one, contents = kept(project)
    half = tmp_path / f".{one.digest[:16]}.{os.getpid()}" / "shop"
    half.mkdir(parents=True)
    (half / "blueprint.yaml").write_text("half")
    assert lay_out(one, contents, tmp_path).read_text() == "blueprint: 1\n"


def test_what_the_store_does_not_have_any_more_is_said(project: Path, tmp_path: Path) -> None:
    one, contents = kept(project)
    with pytest.raises(NoRevision, match="files of revision 1 are not in the store"):
        lay_out(replace(one, files={}), contents, tmp_path)
    with pytest.raises(NoRevision, match="4 of the files of revision 1"):
        lay_out(one, {}, tmp_path)


def test_nothing_is_written_outside_of_its_folder(project: Path, tmp_path: Path) -> None:
    one, contents = kept(project)
    digest = next(iter(contents))
    with pytest.raises(NoRevision, match="lies outside"):
        lay_out(replace(one, files={"../../escaped": KeptFile(digest)}), contents, tmp_path / "deep/place")
    assert not list(tmp_path.rglob("escaped"))


def test_what_is_too_large_is_not_kept(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "LARGEST", 20)
    with pytest.raises(TooLarge, match="larger than"):
        collected(project)
