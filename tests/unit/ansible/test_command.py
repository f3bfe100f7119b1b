from pathlib import Path

import pytest

from adapters.ansible.command import AnsibleConfig, BadConfig, environment, find_config, forks, runner_settings

RUN = Path("/run/b")


def env(
    base: dict[str, str] | None = None, config: AnsibleConfig | None = None, *, become: bool = True
) -> dict[str, str]:
    return environment(
        base or {}, config or AnsibleConfig(), RUN, bin_dir=Path("/venv/bin"), roles=[Path("/bp/roles")], become=become
    )


def config_of(folder: Path, text: str) -> AnsibleConfig:
    (folder / "ansible.cfg").write_text(text)
    (folder / "site.yml").touch()
    return find_config(folder / "site.yml")


def test_host_keys_are_checked_whatever_the_environment_says() -> None:
    steered = env({"ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_SSH_ARGS": "-o StrictHostKeyChecking=no"})
    assert steered["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    assert "ANSIBLE_SSH_ARGS" not in steered


def test_ansible_is_found_beside_our_python() -> None:
    assert env({"PATH": "/usr/bin"})["PATH"] == "/venv/bin:/usr/bin"


def test_what_a_run_writes_lies_in_its_own_directory() -> None:
    assert env()["ANSIBLE_LOCAL_TEMP"] == "/run/b/tmp"
    assert env()["ANSIBLE_CONFIG"] == "/run/b/ansible.cfg"
    assert env({"ANSIBLE_CACHE_PLUGIN": "jsonfile"})["ANSIBLE_CACHE_PLUGIN"] == "memory"
    assert env()["ANSIBLE_RETRY_FILES_ENABLED"] == "False"


def test_a_locale_that_ansible_refuses_is_replaced() -> None:
    assert env({"LANG": "C"})["LC_ALL"] == "C.UTF-8"
    assert "LC_ALL" not in env({"LANG": "de_DE.UTF-8"})


def test_the_ansible_cfg_beside_the_playbook_is_respected(tmp_path: Path) -> None:
    config = config_of(
        tmp_path, "[defaults]\nroles_path = ./r:/abs\n[ssh_connection]\npipelining = False\nssh_args = -C -A\n"
    )
    found = env(config=config)
    assert found["ANSIBLE_CONFIG"] == str(tmp_path / "ansible.cfg")
    assert "ANSIBLE_PIPELINING" not in found
    assert found["ANSIBLE_ROLES_PATH"].split(":")[:3] == [str(tmp_path / "r"), "/abs", "/bp/roles"]
    assert config.ssh_args == ["-C", "-A"]


def test_the_ansible_cfg_above_a_folder_of_playbooks_counts_too(tmp_path: Path) -> None:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    assert find_config(tmp_path / "playbooks/site.yml").path == tmp_path / "ansible.cfg"
    assert find_config(tmp_path / "playbooks/deep/site.yml").path is None


def test_a_broken_ansible_cfg_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"ansible\.cfg cannot be read"):
        config_of(tmp_path, "[defaults\n")


def test_without_one_pipelining_is_on() -> None:
    assert env()["ANSIBLE_PIPELINING"] == "True"
    assert env({"ANSIBLE_PIPELINING": "False"})["ANSIBLE_PIPELINING"] == "False"


def test_becoming_root_is_a_default_that_the_users_cfg_overrides(tmp_path: Path) -> None:
    assert env()["ANSIBLE_BECOME"] == "True"
    assert "ANSIBLE_BECOME" not in env(become=False)
    assert "ANSIBLE_BECOME" not in env(config=config_of(tmp_path, "[privilege_escalation]\nbecome = False\n"))


def test_the_users_roles_come_before_ours() -> None:
    assert env({"ANSIBLE_ROLES_PATH": "/mine"})["ANSIBLE_ROLES_PATH"].split(":")[:2] == ["/mine", "/bp/roles"]


def test_the_runner_is_told_no_variable() -> None:
    settings = runner_settings(RUN, Path("/bp/site.yml"), AnsibleConfig(), forks=4, check=True)
    assert "extravars" not in settings
    assert settings["limit"] == "@/run/b/limit"
    assert settings["cmdline"] == "--check --diff"
    assert settings["project_dir"] == "/bp"


@pytest.mark.parametrize(
    ("hosts", "megabytes", "expected"), [(1, None, 1), (10, None, 10), (300, None, 25), (30, 600, 10), (5, 10, 1)]
)
def test_forks_are_bounded_by_hosts_and_memory(hosts: int, megabytes: int | None, expected: int) -> None:
    assert forks(hosts, megabytes) == expected
