import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.ansible.fingerprint import PlaybookMissing, of

FILES = {
    "a.yml": "- hosts: all\n  roles: [alpha]\n",
    "b.yml": "- hosts: all\n  roles: [{role: beta, x: 1}]\n  vars_files: [v/b.yml]\n",
    "imports.yml": "- import_playbook: b.yml\n",
    "tasks.yml": "- hosts: all\n  tasks:\n    - ansible.builtin.import_tasks: t/one.yml\n    - block:\n        - include_role: {name: beta}\n",
    "dynamic.yml": '- hosts: all\n  tasks:\n    - include_role: {name: "{{ which }}"}\n',
    "included.yml": '- hosts: all\n  tasks:\n    - include_tasks: "t/{{ os }}.yml"\n',
    "vault.yml": "- hosts: all\n  vars: {x: !vault abc, y: !unsafe '{{'}\n  roles: [alpha]\n",
    "v/b.yml": "x: 1\n",
    "t/one.yml": "- include_tasks: two.yml\n",
    "t/two.yml": "- debug: {msg: two}\n",
    "roles/alpha/tasks/main.yml": "- debug: {msg: a}\n- template: {src: x.j2, dest: /x}\n",
    "roles/alpha/templates/x.j2": "hello\n",
    "roles/alpha/meta/main.yml": "dependencies: [gamma]\n",
    "roles/beta/tasks/main.yml": "- debug: {msg: b}\n",
    "roles/gamma/tasks/main.yml": "- import_tasks: sub/deep.yml\n",
    "roles/gamma/tasks/sub/deep.yml": "- import_role: {name: delta}\n",
    "roles/delta/files/data": "1\n",
    "group_vars/all.yml": "x: 1\n",
    "library/mine.py": "#\n",
    "README.md": "nothing\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "site"


def changes(site: Path, playbook: str, change: Callable[[], object]) -> bool:
    before = of(site / playbook, [])
    change()
    return of(site / playbook, []) != before


@pytest.mark.parametrize(
    ("playbook", "file", "concerned"),
    [
        ("a.yml", "a.yml", True),
        ("a.yml", "roles/alpha/tasks/main.yml", True),
        ("a.yml", "roles/alpha/templates/x.j2", True),
        ("a.yml", "roles/gamma/tasks/main.yml", True),  # a dependency
        ("a.yml", "roles/delta/files/data", True),  # a dependency's role, deep in its tasks
        ("a.yml", "roles/beta/tasks/main.yml", False),
        ("a.yml", "v/b.yml", False),
        ("a.yml", "b.yml", False),
        ("a.yml", "README.md", False),
        ("a.yml", "group_vars/all.yml", True),
        ("a.yml", "library/mine.py", True),
        ("b.yml", "roles/beta/tasks/main.yml", True),
        ("b.yml", "v/b.yml", True),
        ("b.yml", "roles/alpha/tasks/main.yml", False),
        ("imports.yml", "roles/beta/tasks/main.yml", True),
        ("imports.yml", "roles/alpha/tasks/main.yml", False),
        ("tasks.yml", "t/two.yml", True),
        ("tasks.yml", "roles/beta/tasks/main.yml", True),
        ("dynamic.yml", "roles/alpha/tasks/main.yml", True),
        ("dynamic.yml", "roles/beta/tasks/main.yml", True),
        ("included.yml", "t/two.yml", True),
        ("vault.yml", "roles/alpha/tasks/main.yml", True),
    ],
)
def test_a_change_concerns_exactly_the_playbooks_that_can_reach_it(
    site: Path, playbook: str, file: str, concerned: bool
) -> None:
    path = site / file
    assert changes(site, playbook, lambda: path.write_text(path.read_text() + "# changed\n")) is concerned


def test_a_new_and_a_removed_file_of_a_role_count(site: Path) -> None:
    assert changes(site, "a.yml", (site / "roles/alpha/files").mkdir) is False
    assert changes(site, "a.yml", lambda: (site / "roles/alpha/files/new").write_text("x"))
    assert changes(site, "a.yml", (site / "roles/alpha/templates/x.j2").unlink)


def test_a_file_that_becomes_executable_counts(site: Path) -> None:
    assert changes(site, "a.yml", lambda: (site / "library/mine.py").chmod(0o755))


def test_a_checkout_elsewhere_has_the_same_fingerprint(site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "elsewhere/deep")
    assert of(site / "a.yml", []) == of(tmp_path / "elsewhere/deep/a.yml", [])


def test_roles_are_found_in_the_given_folders_too_and_the_nearest_counts(site: Path, tmp_path: Path) -> None:
    other = tmp_path / "shipped"
    (other / "far/tasks").mkdir(parents=True)
    (other / "far/tasks/main.yml").write_text("- debug: {msg: far}\n")
    (site / "far.yml").write_text("- hosts: all\n  roles: [far]\n")
    before = of(site / "far.yml", [other])
    (other / "far/tasks/main.yml").write_text("- debug: {msg: changed}\n")
    assert of(site / "far.yml", [other]) != before
    shutil.copytree(other / "far", site / "roles/far")
    near = of(site / "far.yml", [other])
    (other / "far/tasks/main.yml").write_text("- debug: {msg: changed again}\n")
    assert of(site / "far.yml", [other]) == near


def test_playbooks_that_import_each_other_end(site: Path) -> None:
    (site / "b.yml").write_text("- import_playbook: imports.yml\n")
    assert of(site / "imports.yml", [])


def test_a_playbook_that_cannot_be_read_has_a_fingerprint_all_the_same(site: Path) -> None:
    assert changes(site, "a.yml", lambda: (site / "a.yml").write_text("- [broken\n"))


def test_a_missing_playbook_is_named(site: Path) -> None:
    with pytest.raises(PlaybookMissing, match=r"nope\.yml"):
        of(site / "nope.yml", [])
