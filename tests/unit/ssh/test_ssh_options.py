"""Options are checked by OpenSSH itself: `ssh -G` prints what it understood."""

import subprocess
from typing import Any

import pytest

from lifecycle.inventory import Connection, Host
from lifecycle.ssh_options import (
    authority_line,
    bare_key,
    host_argv,
    host_key_algorithms,
    host_key_alias,
    known_hosts_line,
    ssh_argv,
)

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqR7mWwV0kq2v8sT1cWqk0o5vC1mXoJ0f9o3d8c9b7a root@web"


def understood(argv: list[str]) -> dict[str, list[str]]:
    """What ssh would do with these arguments: option in lower case → its values."""
    done = subprocess.run(["ssh", "-G", *argv[1:]], capture_output=True, text=True, timeout=10, check=True)
    options: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        options.setdefault(name, []).append(value)
    return options


class Paths:
    jump_known_hosts = "/run/b/jumps"

    def known_hosts(self, host: Host) -> str:
        return f"/run/b/{host.id}"

    def control_path(self, host: Host) -> str:
        return f"/run/b/c/{host.id}"


def test_a_host_key_is_always_checked_against_the_given_file_alone() -> None:
    options = understood(ssh_argv(Connection("10.1.0.5"), known_hosts="/run/b/web", alias="i-1", host_key=KEY))
    assert options["stricthostkeychecking"] == ["true"]
    assert options["userknownhostsfile"] == ["/run/b/web"]
    assert options["globalknownhostsfile"] == ["/dev/null"]
    assert options["hostkeyalias"] == ["i-1"]
    assert options["hostkeyalgorithms"] == ["ssh-ed25519"]
    assert options["verifyhostkeydns"] == ["false"]
    assert options["updatehostkeys"] == ["false"]


def test_nobody_is_ever_asked_for_anything() -> None:
    options = understood(ssh_argv(Connection("10.1.0.5"), known_hosts="/k"))
    assert options["batchmode"] == ["yes"]
    assert options["passwordauthentication"] == ["no"]
    assert options["kbdinteractiveauthentication"] == ["no"]


def test_address_port_user_and_key_are_those_of_the_connection() -> None:
    options = understood(
        ssh_argv(Connection("10.1.0.5", port=2222, user="admin", key="/keys/my key%1"), known_hosts="/k")
    )
    assert (options["hostname"], options["port"], options["user"]) == (["10.1.0.5"], ["2222"], ["admin"])
    assert options["identityfile"] == ["/keys/my key%%1"]
    assert options["identitiesonly"] == ["yes"]


def test_without_a_key_the_agent_may_offer_its_own() -> None:
    assert understood(ssh_argv(Connection("10.1.0.5"), known_hosts="/k"))["identitiesonly"] == ["no"]


def test_connections_are_shared_only_over_a_given_socket() -> None:
    shared = understood(ssh_argv(Connection("10.1.0.5"), known_hosts="/k", control_path="/run/b/c/1"))
    alone = understood(ssh_argv(Connection("10.1.0.5"), known_hosts="/k"))
    assert (shared["controlmaster"], shared["controlpath"]) == (["auto"], ["/run/b/c/1"])
    assert shared["controlpersist"] == ["300"]
    assert alone["controlmaster"] == ["false"]
    assert "controlpath" not in alone


def test_a_proxy_command_is_handed_on_with_its_file_descriptor_passing() -> None:
    connection = Connection("10.1.0.5", proxy_command="baton cloud proxy i-1 %h %p", proxy_passes_fd=True)
    options = understood(ssh_argv(connection, known_hosts="/k"))
    assert options["proxycommand"] == ["baton cloud proxy i-1 %h %p"]
    assert options["proxyusefdpass"] == ["yes"]


@pytest.mark.parametrize(
    ("jump", "target"),
    [
        ("admin@bastion.example.com", "-l admin -W '[%h]:%p' -- bastion.example.com"),
        ("admin@bastion.example.com:2200", "-p 2200 -l admin -W '[%h]:%p' -- bastion.example.com"),
        ("bastion", "-W '[%h]:%p' -- bastion"),
        ("admin@[2001:db8::1]:2200", "-p 2200 -l admin -W '[%h]:%p' -- 2001:db8::1"),
        ("admin@2001:db8::1", "-l admin -W '[%h]:%p' -- 2001:db8::1"),
    ],
)
def test_a_jump_host_is_checked_too_and_by_the_files_of_the_run(jump: str, target: str) -> None:
    options = understood(
        ssh_argv(Connection("10.1.0.5", jump=jump, key="/k/id"), known_hosts="/k", jump_known_hosts="/run/b/jumps")
    )
    (command,) = options["proxycommand"]
    assert command.endswith(target)
    assert "StrictHostKeyChecking=yes" in command
    assert "'UserKnownHostsFile=/run/b/jumps ~/.ssh/known_hosts'" in command
    assert "-o IdentitiesOnly=yes -i /k/id" in command


PUBLIC: Any = {"public_proxy": "cloud operator %h %p", "proxy_passes_fd": True}


def test_the_way_to_a_jump_host_may_need_a_proxy_of_its_own() -> None:
    connection = Connection("10.1.0.5", jump="admin@198.18.0.10", **PUBLIC)
    options = understood(ssh_argv(connection, known_hosts="/k"))
    (command,) = options["proxycommand"]
    assert "'ProxyCommand=cloud operator %%h %%p' -o ProxyUseFdpass=yes" in command
    assert command.endswith("-l admin -W '[%h]:%p' -- 198.18.0.10")
    assert options["proxyusefdpass"] == ["no"]


@pytest.mark.parametrize("jump", ["admin@198.18.0.10", "198.18.0.10:22", ""])
def test_a_jump_host_does_not_jump_over_itself(jump: str) -> None:
    through_cloud = understood(ssh_argv(Connection("198.18.0.10", jump=jump, **PUBLIC), known_hosts="/k"))
    assert through_cloud["proxycommand"] == ["cloud operator %h %p"]
    assert through_cloud["proxyusefdpass"] == ["yes"]
    directly = understood(ssh_argv(Connection("198.18.0.10", jump=jump), known_hosts="/k"))
    assert directly.get("proxycommand", ["none"]) == ["none"]


def test_a_host_is_reached_with_the_files_of_its_run() -> None:
    host = Host(name="web-1", stack="web", id="i-1", connection=Connection("10.1.0.5"), host_key=KEY)
    options = understood(host_argv(host, Paths(), connect_timeout=3))
    assert options["userknownhostsfile"] == ["/run/b/i-1"]
    assert options["controlpath"] == ["/run/b/c/i-1"]
    assert options["connecttimeout"] == ["3"]


def test_keys_are_known_by_the_hosts_id_and_without_their_comment() -> None:
    assert known_hosts_line("i-1", KEY) == f"i-1 {bare_key(KEY)}\n"
    assert bare_key(KEY).count(" ") == 1
    assert authority_line(KEY) == f"@cert-authority * {bare_key(KEY)}\n"


def test_an_id_that_would_be_a_pattern_gets_a_name_of_its_own() -> None:
    assert host_key_alias("i-0abc") == "i-0abc"
    assert host_key_alias("a*") != host_key_alias("a?")
    assert not set(host_key_alias("a*,!b [x]:22 #")) & set("*?,![]:# ")


def test_rsa_keys_are_asked_for_with_sha2_signatures() -> None:
    assert host_key_algorithms(["ssh-rsa AAAA", KEY, "ssh-rsa BBBB"]) == "rsa-sha2-512,rsa-sha2-256,ssh-ed25519"
