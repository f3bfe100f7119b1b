"""Terraform's outputs as what Ansible and ssh read.

    prepare.py network OUTPUTS.json                  the data stack's network, as a Terraform variable
    prepare.py inventory DIRECTORY OUTPUTS.json...   inventory.json, ssh_config, ansible.cfg, vars.json and names there

OUTPUTS.json is what `terraform output -json` prints.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

# One connection to each host, and one to the jump host for all of them.
SSH = """Host *
  User admin
  IdentityFile {work}/key
  IdentitiesOnly yes
  BatchMode yes
  ConnectTimeout 5
  LogLevel ERROR
  StrictHostKeyChecking accept-new
  UserKnownHostsFile {folder}/known_hosts
  ControlMaster auto
  ControlPath {folder}/c-%C
  ControlPersist 60s
"""
JUMP = """Host jump-1
  HostName {address}
  ProxyCommand {proxy}
  ProxyUseFdpass yes
"""
BEHIND = """Host {name}
  HostName {address}
  ProxyCommand ssh -F {folder}/ssh_config -W [%h]:%p jump-1
"""
ANSIBLE = """[defaults]
forks = 20
gathering = smart
roles_path = {roles}
retry_files_enabled = false
local_tmp = {folder}/tmp
[ssh_connection]
pipelining = true
ssh_args = -F {folder}/ssh_config
"""


def inventory(hosts: dict[str, Any]) -> dict[str, Any]:
    """Ansible's inventory, groups as the hosts have them."""
    groups: dict[str, Any] = {}
    for name, host in hosts.items():
        for group in host["groups"]:
            groups.setdefault(group, {"hosts": {}})["hosts"][name] = {
                "ansible_python_interpreter": "/usr/bin/python3",
                "baton_host": name,
                "baton_private_address": host["private_address"],
            }
    return {"all": {"children": groups}}


def ssh_config(hosts: dict[str, Any], folder: Path) -> str:
    """How each host is reached."""
    parts = [SSH.format(work=os.environ["WORK"], folder=folder)]
    for name, host in hosts.items():
        if name == "jump-1":
            parts.append(JUMP.format(address=host["public_address"], proxy=os.environ["JUMP_PROXY"]))
        else:
            parts.append(BEHIND.format(name=name, address=host["private_address"], folder=folder))
    return "".join(parts)


def variables(outputs: dict[str, Any]) -> dict[str, Any]:
    """What the roles are told."""
    work = Path(os.environ["WORK"])
    password = (work / "password").read_text().strip()
    return {
        "mysql_series": "10.11",
        "mysql_password": password,
        "mysql_user_host": "10.2.%",
        "shop_title": "The Baton Shop",
        "shop_db_password": password,
        "shop_db_host": outputs.get("db_address"),
        "load_balancer_servers": outputs.get("web_servers"),
        "load_balancer_server_port": 8080,
        "load_balancer_certificate": (work / "site.pem").read_text(),
        "address": outputs.get("address"),
        "jump_address": outputs.get("jump_address"),
    }


def read(paths: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every host, and every other output."""
    hosts: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    for path in paths:
        for name, output in json.loads(Path(path).read_text()).items():
            if name == "hosts":
                hosts |= output["value"]
            else:
                outputs[name] = output["value"]
    return hosts, outputs


def main(words: list[str]) -> None:
    if words[0] == "network":
        print(json.dumps(read(words[1:])[1]["network"]))
        return
    folder = Path(words[1])
    hosts, outputs = read(words[2:])
    roles = Path(os.environ["WORK"], "tree", "playbooks", "roles")
    (folder / "inventory.json").write_text(json.dumps(inventory(hosts)))
    (folder / "ssh_config").write_text(ssh_config(hosts, folder))
    (folder / "ansible.cfg").write_text(ANSIBLE.format(folder=folder, roles=roles))
    (folder / "vars.json").write_text(json.dumps(variables(outputs)))
    (folder / "names").write_text("".join(f"{name}\n" for name in hosts))


if __name__ == "__main__":
    main(sys.argv[1:])
