"""The working copy: the user's tree is looked at and never written to."""

import json
import stat
from pathlib import Path

import pytest

from adapters.terraform.configuration import module_tree
from adapters.terraform.workdir import BACKEND, LOCK, Workdir, mirror, other_users, workdir, write_private
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.ports import StackSpec


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A stack that calls a module two levels up and reads a file beside it."""
    root = tmp_path / "project"
    files = {
        "stacks/web/main.tf": 'module "m" {\n  source = "../../modules/m"\n}\n# ${file("../../files/motd")}\n',
        "stacks/web/templates/a.tpl": "hello",
        "stacks/db/main.tf": "",
        "modules/m/main.tf": 'module "n" {\n  source = "../n"\n}\n',
        "modules/n/main.tf": "",
        "files/motd": "hi",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def work(tmp_path: Path) -> Workdir:
    work = Workdir(tmp_path / "root" / "shop" / "dev" / "stacks" / "web")
    work.prepare()
    return work


def refresh(project: Path, work: Workdir, backend: str | None = "{}") -> Path:
    return mirror(module_tree(project / "stacks/web"), work, backend)


def test_everything_is_reached_by_the_same_relative_paths(project: Path, work: Workdir) -> None:
    here = refresh(project, work)
    for name in (
        "main.tf",
        "templates/a.tpl",
        "../../modules/m/main.tf",
        "../../modules/n/main.tf",
        "../../files/motd",
    ):
        assert (here / name).read_text() == (project / "stacks/web" / name).read_text()
    assert (here / "../db").resolve() == project / "stacks/db"


def test_module_directories_are_ours_so_that_nothing_is_written_beside_the_users_files(
    project: Path, work: Workdir
) -> None:
    here = refresh(project, work)
    for folder in (here, here / "../../modules/m", here / "../../modules/n"):
        assert not folder.is_symlink()
        (folder / "written").write_text("by a resource")
    assert not list(project.rglob("written"))


def test_the_next_refresh_follows_what_changed_and_keeps_what_resources_wrote(project: Path, work: Workdir) -> None:
    here = refresh(project, work)
    (here / "written.txt").write_text("by a resource")
    (project / "stacks/web/extra.tf").write_text("")
    (project / "modules/n/main.tf").unlink()
    (project / "stacks/web/templates/a.tpl").write_text("changed")
    assert refresh(project, work) == here
    assert (here / "extra.tf").exists()
    assert (here / "templates/a.tpl").read_text() == "changed"
    assert (here / "written.txt").read_text() == "by a resource"
    assert not (here / "../../modules/n/main.tf").is_symlink()


def test_a_module_that_is_called_no_longer_becomes_a_link_again(project: Path, work: Workdir) -> None:
    refresh(project, work)
    (project / "modules/m/main.tf").write_text("")
    here = refresh(project, work)
    assert (here / "../../modules/n").is_symlink()


def test_the_tree_moves_when_a_reference_reaches_further_up(project: Path, work: Workdir) -> None:
    before = refresh(project, work)
    (project / "stacks/web/main.tf").write_text('# ${file("../../../elsewhere")}\n')
    after = refresh(project, work)
    assert after != before
    assert (after / "main.tf").exists()
    assert not (before / BACKEND).exists()


def test_terraforms_own_files_of_the_user_are_not_taken_over(project: Path, work: Workdir) -> None:
    web = project / "stacks/web"
    (web / ".terraform").mkdir()
    for name in ("terraform.tfstate", "terraform.tfstate.backup", ".terraform/x", "old.tfplan"):
        (web / name).write_text("theirs")
    here = refresh(project, work)
    assert sorted(path.name for path in here.iterdir()) == [BACKEND, "main.tf", "templates"]


def test_the_lock_file_is_a_copy_that_follows_the_users_and_keeps_what_init_adds(project: Path, work: Workdir) -> None:
    theirs = project / "stacks/web" / LOCK
    theirs.write_text("one")
    ours = refresh(project, work) / LOCK
    assert (ours.read_text(), ours.is_symlink()) == ("one", False)
    ours.write_text("one and more")
    refresh(project, work)
    assert ours.read_text() == "one and more"
    theirs.write_text("two")
    refresh(project, work)
    assert ours.read_text() == "two"
    theirs.unlink()
    refresh(project, work)
    assert not ours.exists()


def test_a_lock_file_that_init_made_stays(project: Path, work: Workdir) -> None:
    ours = refresh(project, work) / LOCK
    ours.write_text("made by init")
    refresh(project, work)
    assert ours.read_text() == "made by init"


def test_a_module_with_a_backend_of_its_own_gets_none_from_us(project: Path, work: Workdir) -> None:
    here = refresh(project, work, "{}")
    assert (here / BACKEND).exists()
    assert not (refresh(project, work, None) / BACKEND).exists()


def test_directories_and_files_are_private(project: Path, work: Workdir) -> None:
    write_private(work.variables, "secret")
    assert stat.S_IMODE(work.variables.stat().st_mode) == 0o600
    assert stat.S_IMODE(work.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(work.plans.stat().st_mode) == 0o700


def test_every_stack_of_every_environment_has_a_place_of_its_own(tmp_path: Path) -> None:
    specs = [
        StackSpec(EnvironmentRef(b, n), s, tmp_path)
        for b, n, s in (("a", "b", "c"), ("a", "c", "c"), ("b", "b", "c"), ("a", "b", "d"))
    ]
    assert len({workdir(tmp_path, spec).path for spec in specs}) == len(specs)


@pytest.mark.parametrize("name", ["../x", "", ".", ".hidden", "a/b"])
def test_a_name_that_would_lead_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BatonError, match="cannot be a name"):
        workdir(tmp_path, StackSpec(EnvironmentRef("a", name), "s", tmp_path))


def test_removing_leaves_no_empty_folders_and_does_not_follow_links(
    project: Path, work: Workdir, tmp_path: Path
) -> None:
    refresh(project, work)
    work.remove()
    assert list((tmp_path / "root").iterdir()) == []
    assert (project / "stacks/db/main.tf").exists()


def test_two_environments_with_the_very_same_remote_backend_are_seen(tmp_path: Path) -> None:
    works = [Workdir(tmp_path / "shop" / env / "stacks" / "web") for env in ("dev", "prod", "test")]
    for work, key in zip(works, ("same", "same", "other"), strict=True):
        work.data.mkdir(parents=True)
        (work.data / "terraform.tfstate").write_text(json.dumps({"backend": {"type": "s3", "config": {"key": key}}}))
    assert [other.path for other in other_users(tmp_path, works[0])] == [works[1].path]
    assert list(other_users(tmp_path, works[2])) == []


@pytest.mark.parametrize(
    ("text", "holds"),
    [(None, False), ('{"resources": []}', False), ('{"resources": [{}]}', True), ("", False), ("broken", True)],
)
def test_a_state_that_cannot_be_read_counts_as_one_that_holds_something(
    work: Workdir, text: str | None, holds: bool
) -> None:
    if text is not None:
        work.state.write_text(text)
    assert work.holds_local_state() is holds
