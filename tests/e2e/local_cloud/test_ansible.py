"""Ansible finds a host as it finds one on AWS: packages, services, a reboot, and a second run that changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PLAY = """
- hosts: all
  become: true
  tasks:
    - ansible.builtin.apt: {name: [nginx-light, curl], state: present}
    - ansible.builtin.service: {name: nginx, state: started, enabled: true}
    - ansible.builtin.copy: {dest: /etc/motd, content: "configured\\n"}
"""
REBOOT = """
- hosts: all
  become: true
  gather_facts: false
  tasks:
    - ansible.builtin.reboot: {reboot_timeout: 60}
    - ansible.builtin.wait_for: {host: 127.0.0.1, port: 80, timeout: 20}
"""


def play(cloud: Any, folder: Path, host: str, text: str) -> dict[str, int]:
    """Runs a playbook; gives the host's line of the recap."""
    (folder / "play.yml").write_text(text)
    (folder / "known").write_text(f"{host} {cloud.host_key(host)}\n")
    proxy = cloud.description["proxy_command"].format(instance_id=host)
    options = f"-F none -o ProxyUseFdpass=yes -o UserKnownHostsFile={folder}/known -o HostKeyAlias={host} -o 'ProxyCommand={proxy}'"
    known = {
        "ansible_user": "admin",
        "ansible_ssh_private_key_file": str(cloud.key),
        "ansible_ssh_common_args": options,
    }
    known["ansible_python_interpreter"] = "/usr/bin/python3"
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {host: known}}}))
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        str(folder / "hosts.json"),
        str(folder / "play.yml"),
    ]
    environment = {
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
    }
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=150, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    recap = done.stdout.splitlines()[-2] if not done.stdout.splitlines()[-1].strip() else done.stdout.splitlines()[-1]
    return {key: int(value) for key, _, value in (word.partition("=") for word in recap.split() if "=" in word)}


def test_a_role_configures_a_host_once_and_a_reboot_keeps_it(cloud: Any, vpc: Any, tmp_path: Path) -> None:
    host = vpc.host(vpc.group("ssh"))
    assert play(cloud, tmp_path, host, PLAY)["changed"] == 2
    assert play(cloud, tmp_path, host, PLAY)["changed"] == 0
    assert play(cloud, tmp_path, host, REBOOT)["failed"] == 0
    assert play(cloud, tmp_path, host, PLAY)["changed"] == 0
