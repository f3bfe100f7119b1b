"""Our reading of playbooks: every task, where it stands, and what it takes over from around it."""

from pathlib import Path

import pytest

from adapters.policy.playbooks import tasks
from lifecycle.policy.broken import PolicyBroken
from lifecycle.policy.facts import Playbook, Task

SITE = """\
- import_playbook: other.yml
- hosts: all
  become: true
  no_log: true
  roles:
    - {role: web, become: false}
  tasks:
    - name: Inherits
      ansible.builtin.command: id
    - block:
        - name: In a block
          become_user: mysql
          shell: echo {{ secret }}
      always:
        - {name: Always, debug: {msg: "{{ secret }}"}, no_log: false}
    - ansible.builtin.include_role: {name: web}
    - include_tasks: "{{ which }}.yml"
  handlers:
    - {name: Restart, service: {name: nginx, state: restarted}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "site.yml": SITE,
        "other.yml": "- hosts: db\n  tasks:\n    - {name: Other, apt: {name: mysql}, vars: {p: !vault 'x'}}\n",
        "roles/web/tasks/main.yml": "- {name: Role, template: {src: a, dest: b}}\n- import_tasks: more.yml\n",
        "roles/web/tasks/more.yml": "- name: More\n  local_action: command echo\n",
        "roles/web/meta/main.yml": "dependencies: [common]\n",
        "roles/common/tasks/main.yml": "- {name: Common, ping: }\n",
        "roles/common/meta/main.yml": "dependencies: [{role: web}]\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def read(folder: Path, name: str = "site.yml") -> dict[str, Task]:
    return {task.name: task for task in tasks(Playbook(name, frozenset({"secret"})), folder)}


def test_every_task_is_found_with_its_place(folder: Path) -> None:
    found = read(folder)
    named = {"Other", "Common", "Role", "More", "Inherits", "In a block", "Always", "Restart"}
    assert named <= set(found)
    assert found["Inherits"].where == f"{folder}/site.yml:8"
    assert found["More"].where == f"{folder}/roles/web/tasks/more.yml:1"
    assert (found["More"].module, found["Inherits"].module) == ("command", "ansible.builtin.command")


def test_a_task_takes_over_what_it_does_not_say_itself(folder: Path) -> None:
    found = read(folder)
    assert (found["Inherits"].become, found["Inherits"].no_log) == (True, True)
    assert found["In a block"].become_user == "mysql"
    assert not found["Always"].no_log
    assert not found["Other"].become


def test_a_secret_is_found_where_a_task_names_it(folder: Path) -> None:
    found = read(folder)
    assert {name for name, task in found.items() if task.secrets} == {"In a block", "Always"}


@pytest.mark.parametrize("text", ["- hosts: [", "$ANSIBLE_VAULT;1.1;AES256\n", "- \xff"])
def test_what_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "site.yml").write_bytes(text.encode("latin-1"))
    with pytest.raises(PolicyBroken):
        read(tmp_path)
    with pytest.raises(PolicyBroken):
        read(tmp_path, "nowhere.yml")
