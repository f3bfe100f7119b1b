"""Terraform's outputs as what Ansible and ssh read.

    prepare.py hosts OUTPUTS.json                     the hosts, as a Terraform variable
    prepare.py inventory DIRECTORY OUTPUTS.json       inventory.json, ssh_config, ansible.cfg, vars.json and names there

OUTPUTS.json is what `terraform output -json` prints.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

SSH = """Host *
  User admin
  IdentityFile {work}/key
  IdentitiesOnly yes
  BatchMode yes
  ConnectTimeout 5
  LogLevel ERROR
  StrictHostKeyChecking accept-new
  UserKnownHostsFile {folder}/known_hosts
  ProxyUseFdpass yes
"""
HOST = """Host {name}
  HostKeyAlias {id}
  ProxyCommand {proxy}
"""
ANSIBLE = """[defaults]
forks = 10
retry_files_enabled = false
local_tmp = {folder}/tmp
interpreter_python = /usr/bin/python3
[ssh_connection]
pipelining = true
ssh_args = -F {folder}/ssh_config
"""


def inventory(hosts: dict[str, Any]) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for name, host in hosts.items():
        for group in host["groups"]:
            groups.setdefault(group, {"hosts": {}})["hosts"][name] = {}
    return {"all": {"children": groups}}


def main(words: list[str]) -> None:
    hosts = json.loads(Path(words[-1]).read_text())["hosts"]["value"]
    if words[0] == "hosts":
        print(json.dumps(hosts))
        return
    folder, proxy = Path(words[1]), os.environ["PROXY"]
    ssh = [SSH.format(work=os.environ["WORK"], folder=folder)]
    ssh += [HOST.format(name=n, id=h["id"], proxy=proxy.format(instance_id=h["id"])) for n, h in hosts.items()]
    members = sorted(name for name in hosts if name.startswith("member-"))
    (folder / "inventory.json").write_text(json.dumps(inventory(hosts)))
    (folder / "ssh_config").write_text("".join(ssh))
    (folder / "ansible.cfg").write_text(ANSIBLE.format(folder=folder))
    (folder / "vars.json").write_text(json.dumps({"word": os.environ["WORD"], "members": members}))
    (folder / "names").write_text("".join(f"{name}\n" for name in hosts))


if __name__ == "__main__":
    main(sys.argv[1:])
