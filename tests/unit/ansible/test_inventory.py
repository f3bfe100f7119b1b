import shlex
from dataclasses import replace
from typing import Any

from adapters.ansible.inventory import build, group_name, host_variables, unique_names
from lifecycle.inventory import Connection, Host

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqR7mWwV0kq2v8sT1cWqk0o5vC1mXoJ0f9o3d8c9b7a"


class Paths:
    jump_known_hosts = "/run/b/jumps"

    def known_hosts(self, host: Host) -> str:
        return f"/run/b/k/{host.id}"

    def control_path(self, host: Host) -> str:
        return f"/run/b/c/{host.id}"


def host(name: str = "web-1", **changes: Any) -> Host:
    facts = {
        "stack": "web",
        "id": f"i-{name}",
        "connection": Connection("10.1.0.5", user="admin", key="/k/id"),
        "host_key": KEY,
    }
    return Host(name=name, **{**facts, **changes})


def groups(*hosts: Host, **extra: tuple[str, ...]) -> dict[str, list[str]]:
    children = build(hosts, extra, Paths(), become=True).value["all"]["children"]
    return {group: list(members["hosts"]) for group, members in children.items()}


def test_hosts_are_in_their_groups_their_stacks_and_the_steps_own() -> None:
    found = groups(host("web-2", groups=("web",)), host(groups=("web", "front")), new=("web-2",))
    assert found == {"front": ["web-1"], "new": ["web-2"], "stack_web": ["web-1", "web-2"], "web": ["web-1", "web-2"]}


def test_group_names_are_made_such_that_ansible_takes_them() -> None:
    assert group_name("front-end") == "front_end"
    assert group_name("2nd") == "_2nd"
    assert group_name("all") == "_all"
    assert groups(host(stack="my-stack")) == {"stack_my_stack": ["web-1"]}


def test_a_host_is_reached_by_our_options_before_anybody_elses() -> None:
    variables = host_variables(host(), Paths(), become=True, ssh_args=["-o", "StrictHostKeyChecking=no", "-A"])
    options = shlex.split(variables["ansible_ssh_args"])
    checks = [word for word in options if word.startswith("StrictHostKeyChecking")]
    assert checks == ["StrictHostKeyChecking=yes", "StrictHostKeyChecking=no"], "ssh takes the first"
    assert "UserKnownHostsFile=/run/b/k/i-web-1" in options
    assert "ControlPath=/run/b/c/i-web-1" in options
    assert "IdentityFile=/k/id" in options
    assert options[-1] == "-A"


def test_what_is_known_of_a_host_is_there_for_playbooks() -> None:
    known = host(tags={"Role": "web"}, facts={"private_address": "10.1.0.5", "python": "/usr/bin/python3"})
    variables = host_variables(known, Paths(), become=True)
    assert variables["ansible_host"] == "10.1.0.5"
    assert variables["ansible_user"] == "admin"
    assert variables["baton_private_address"] == "10.1.0.5"
    assert variables["baton_tags"] == {"Role": "web"}
    assert variables["baton_python"] == "/usr/bin/python3"
    assert "baton_public_address" not in variables


def test_becoming_root_is_said_per_host_only_where_it_is_not_the_default() -> None:
    plain = host(connection=replace(host().connection, become=False))
    assert host_variables(host(), Paths(), become=False)["ansible_become"] is True
    assert "ansible_become" not in host_variables(host(), Paths(), become=True)
    assert "ansible_become" not in host_variables(plain, Paths(), become=False)


def test_the_ladders_python_is_only_a_default() -> None:
    ours = build([host()], {}, Paths(), become=True).value["all"]
    assert "baton_python" in ours["vars"]["ansible_python_interpreter"]
    assert "ansible_python_interpreter" not in ours["hosts"]["web-1"], "group_vars must win"
    assert build([host()], {}, Paths(), become=True, python=False).value["all"]["vars"] == {}


def test_hosts_of_one_name_in_two_stacks_are_told_apart() -> None:
    names = unique_names([host(stack="blue"), host(stack="green"), host("db")])
    assert {name: h.stack for name, h in names.items()} == {"web-1.blue": "blue", "web-1.green": "green", "db": "web"}


def test_names_hold_nothing_that_is_syntax_in_a_pattern() -> None:
    (name,) = unique_names([host("a:b!c,*")])
    assert name == "a_b_c__"
    listed = build([host("a:b")], {}, Paths(), become=True)
    assert listed.name_of(host("a:b")) == "a_b"
    assert listed.value["all"]["hosts"]["a_b"]["baton_host"] == "a:b"
