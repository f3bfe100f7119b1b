"""What ansible-core 2.19 wrote, and what is made of it."""

from pathlib import Path

import pytest

from adapters.ansible.failures import AnsibleFailed, PlaybookBroken, RoleMissing, explain, prompts
from lifecycle.errors import BatonError

SITE = Path("/bp/site.yml")

ROLE = """\
[ERROR]: the role 'nginx' was not found in /bp/roles:/usr/share/ansible/roles:/bp
Origin: /bp/site.yml:2:11

1 - hosts: web
2   roles: [nginx]
            ^ column 11
"""
MODULE = """\
[ERROR]: couldn't resolve module/action 'nosuchmodule'. This often indicates a misspelling, missing collection, or incorrect module path.
Origin: /bp/site.yml:3:7
"""
SYNTAX = """\
[ERROR]: YAML parsing failed: While scanning a simple key could not find expected ':'.
Origin: /bp/tasks/main.yml:5:1

4    - debug: msg=x
5      foo
  ^ column 1
"""
CONFLICT = """\
[ERROR]: conflicting action statements: debug, command
Origin: /bp/site.yml:3:7
"""
LIMIT = "[ERROR]: Specified inventory, host pattern and/or --limit leaves us with no hosts to target.\n"


@pytest.mark.parametrize(
    ("said", "returncode", "kind", "message"),
    [
        (ROLE, 1, RoleMissing, "/bp/site.yml:2:11: there is no role 'nginx'"),
        (MODULE, 4, PlaybookBroken, "/bp/site.yml:3:7: there is no module 'nosuchmodule'"),
        (SYNTAX, 4, PlaybookBroken, "/bp/tasks/main.yml:5:1: YAML parsing failed: While scanning a simple key"),
        (CONFLICT, 4, PlaybookBroken, "/bp/site.yml:3:7: conflicting action statements: debug, command"),
        (LIMIT, 1, AnsibleFailed, "none of the hosts to configure is in Ansible's inventory"),
        (
            "[ERROR]: A playbook must contain at least one play: /bp/site.yml",
            4,
            AnsibleFailed,
            "must contain at least one play",
        ),
        ("", 127, AnsibleFailed, "there is no ansible-playbook beside this Python"),
        ("Traceback\nMemoryError", 250, AnsibleFailed, "it met an unexpected error.*MemoryError"),
        ("", None, AnsibleFailed, "it ended with None"),
    ],
)
def test_a_run_that_did_nothing_is_explained(
    said: str, returncode: int | None, kind: type[BatonError], message: str
) -> None:
    error = explain(said, "", returncode, SITE)
    assert type(error) is kind
    with pytest.raises(kind, match=message):
        raise error


def test_what_stands_on_stderr_counts_too() -> None:
    assert "/bp/site.yml:2:11" in explain("", ROLE, 1, SITE).message


def test_a_playbook_that_asks_a_person_is_told_how_to_answer() -> None:
    assert "under `vars`" in prompts(SITE, "version").hint
