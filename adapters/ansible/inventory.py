"""The handoff's hosts as Ansible's inventory: names, groups and how each is reached. Pure."""

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lifecycle.inventory import Host
from lifecycle.ssh_options import SshPaths, host_options

_ODD_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]")
_ODD_GROUP: Final = re.compile(r"[^A-Za-z0-9_]")
_RESERVED: Final = frozenset({"all", "ungrouped"})
PYTHON: Final = "{{ baton_python | default('auto_silent') }}"
"""The interpreter that the readiness ladder found and tried; the lowest precedence, so that any group_vars win."""
ADDRESSES: Final = ("private_address", "public_address")


@dataclass(frozen=True, slots=True)
class Inventory:
    """What Ansible is told about hosts, and which host a name of its own means."""

    value: Mapping[str, Any]  # for Ansible's `yaml` inventory plugin, as JSON
    names: Mapping[str, Host]  # Ansible's name → host

    def name_of(self, host: Host) -> str:
        """What Ansible calls this host."""
        return next(name for name, known in self.names.items() if known.id == host.id and known.stack == host.stack)


def build(
    hosts: Sequence[Host],
    extra: Mapping[str, Sequence[str]],
    paths: SshPaths,
    *,
    become: bool,
    ssh_args: Sequence[str] = (),
    python: bool = True,
) -> Inventory:
    """All hosts with their groups: their own, `stack_<name>`, and the step's extra ones (group → host names).

    `become` says that becoming root is Ansible's default already; hosts that want it are told otherwise. `ssh_args` are the
    user's own, after ours: ssh takes the first value of an option, so they add and never weaken. `python` says that the
    interpreter is for us to name.
    """
    names = unique_names(hosts)
    groups: dict[str, set[str]] = {}
    for name, host in names.items():
        for group in (
            *host.groups,
            f"stack_{host.stack}",
            *(g for g, members in extra.items() if host.name in members),
        ):
            groups.setdefault(group_name(group), set()).add(name)
    variables = {name: host_variables(host, paths, become=become, ssh_args=ssh_args) for name, host in names.items()}
    children = {group: {"hosts": dict.fromkeys(sorted(members))} for group, members in sorted(groups.items())}
    common = {"ansible_python_interpreter": PYTHON} if python else {}
    return Inventory({"all": {"vars": common, "hosts": variables, "children": children}}, names)


def host_variables(host: Host, paths: SshPaths, *, become: bool, ssh_args: Sequence[str] = ()) -> dict[str, Any]:
    """A host's variables. Ours begin with `ansible_` (how it is reached) or `baton_` (what is known of it)."""
    connection = host.connection
    options = host_options(host, paths)
    variables: dict[str, Any] = {
        "ansible_connection": "ssh",
        "ansible_host": connection.address,
        "ansible_port": connection.port,
        "ansible_user": connection.user,
        # First of all options on the command line: nothing in a playbook's group_vars can weaken the host key check.
        "ansible_ssh_args": shlex.join([*options, *ssh_args]),
        "baton_host": host.name,
        "baton_id": host.id,
        "baton_stack": host.stack,
        "baton_tags": dict(host.tags),
    }
    if host.facts.get("python"):
        variables["baton_python"] = host.facts["python"]
    variables |= {f"baton_{key}": host.facts[key] for key in ADDRESSES if host.facts.get(key)}
    if connection.become and not become:
        variables["ansible_become"] = True
    return variables


def unique_names(hosts: Iterable[Host]) -> dict[str, Host]:
    """Ansible's name → host: the host's own name where it is unique and has no character that is syntax in a pattern."""
    listed = list(hosts)
    shared = Counter(_ODD_NAME.sub("_", host.name) for host in listed)
    names: dict[str, Host] = {}
    for host in listed:
        name = _ODD_NAME.sub("_", host.name)
        if shared[name] > 1:
            name = f"{name}.{_ODD_NAME.sub('_', host.stack)}"
        if name in names:
            name = f"{name}.{_ODD_NAME.sub('_', host.id)}"
        names[name] = host
    return names


def group_name(name: str) -> str:
    """A group's name as Ansible takes it: letters, digits and underscores, no digit first. `front-end` is `front_end`."""
    clean = _ODD_GROUP.sub("_", name)
    return f"_{clean}" if clean[:1].isdigit() or clean in _RESERVED else clean
