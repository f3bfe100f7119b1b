"""How Ansible is asked: the environment of a run and the settings of ansible-runner. Pure but for reading ansible.cfg."""

import configparser
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lifecycle.errors import BatonError, ExitCode

CALLBACKS: Final = Path(__file__).with_name("callback")
MAX_FORKS: Final = 25
MEGABYTES_PER_FORK: Final = 60

# Ours whatever anybody says: what our own reading of the run, or the trust in hosts, depends on.
_FORCED: Final = {
    "ANSIBLE_HOST_KEY_CHECKING": "True",
    "ANSIBLE_INVENTORY_ENABLED": "yaml",
    "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True",
    "ANSIBLE_CACHE_PLUGIN": "memory",  # facts of a host that was replaced meanwhile are another host's
    "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "False",
    "ANSIBLE_FORCE_COLOR": "0",
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_NOCOWS": "1",
    "ANSIBLE_RETRY_FILES_ENABLED": "False",
    "SHELL": "/bin/sh",  # ssh starts proxies with it; a bash would read ~/.bashrc each time (adapters/ssh/call.py)
}
# The user's environment must not steer these.
_DROPPED: Final = (
    "ANSIBLE_SSH_ARGS",
    "ANSIBLE_SSH_COMMON_ARGS",
    "ANSIBLE_SSH_EXTRA_ARGS",
    "ANSIBLE_STDOUT_CALLBACK",
    "ANSIBLE_INVENTORY",
    "ANSIBLE_LIMIT",
    "ANSIBLE_REMOTE_USER",
    "ANSIBLE_PRIVATE_KEY_FILE",
    "ANSIBLE_CACHE_PLUGIN_CONNECTION",
    "AWX_LIB_DIRECTORY",
    "PREFECT_API_AUTH_STRING",  # Baton's own password: ansible-runner writes the whole environment down
)
# Ours unless the user's ansible.cfg or environment says something: key in ansible.cfg → (variable, value).
_DEFAULTS: Final = {
    "pipelining": ("ANSIBLE_PIPELINING", "True"),
    "localhost_warning": ("ANSIBLE_LOCALHOST_WARNING", "False"),
}


@dataclass(frozen=True, slots=True)
class AnsibleConfig:
    """The user's own ansible.cfg, as far as we must know it. Everything else in it is Ansible's business."""

    path: Path | None = None
    values: Mapping[str, str] = field(default_factory=dict)  # key → raw text, of all sections

    def says(self, key: str) -> bool:
        return key in self.values

    @property
    def ssh_args(self) -> list[str]:
        """The user's `ssh_args`, to stand after ours."""
        return shlex.split(self.values.get("ssh_args", ""))

    def paths(self, key: str) -> str:
        """A list of paths in it, absolute and joined by colons: relative ones are relative to the file."""
        base = self.path.parent if self.path else Path()
        entries = [entry.strip() for entry in self.values.get(key, "").split(":")]
        return ":".join(str(base / Path(os.path.expandvars(entry)).expanduser()) for entry in entries if entry)


def find_config(playbook: Path) -> AnsibleConfig:
    """The ansible.cfg beside the playbook, or beside its folder (`playbooks/` in a repository); none otherwise.

    The one of the user's home or of the machine is left out: the same blueprint does the same everywhere.
    """
    for folder in (playbook.parent, playbook.parent.parent):
        path = folder / "ansible.cfg"
        if path.is_file():
            return AnsibleConfig(path, _read(path))
    return AnsibleConfig()


def _read(path: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(
        interpolation=None, strict=False, inline_comment_prefixes=(";",), allow_no_value=True
    )
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (configparser.Error, OSError, UnicodeError) as error:
        raise BadConfig(f"{path} cannot be read: {error}", hint="see `ansible-config view` there") from error
    return {key: value or "" for section in parser.sections() for key, value in parser.items(section)}


class BadConfig(BatonError):
    """An ansible.cfg is broken."""

    exit_code = ExitCode.USAGE


def environment(
    base: Mapping[str, str],
    config: AnsibleConfig,
    run: Path,
    *,
    bin_dir: Path,
    roles: Sequence[Path],
    become: bool,
) -> dict[str, str]:
    """The whole environment of one run: the caller's, without what would steer Ansible past us, and ours."""
    env = {key: value for key, value in base.items() if key not in _DROPPED}
    for key, (variable, value) in _DEFAULTS.items():
        if not config.says(key):
            env.setdefault(variable, value)
    if become and not config.says("become"):
        env["ANSIBLE_BECOME"] = "True"
    env |= _FORCED
    env["ANSIBLE_CONFIG"] = str(config.path or run / "ansible.cfg")
    env["BATON_THROUGH"] = str(run / "through.json")
    env["ANSIBLE_CALLBACK_PLUGINS"] = ":".join(
        filter(None, [str(CALLBACKS), base.get("ANSIBLE_CALLBACK_PLUGINS") or config.paths("callback_plugins")])
    )
    env["ANSIBLE_LOCAL_TEMP"] = str(run / "tmp")
    env["ANSIBLE_ROLES_PATH"] = roles_path(base, config, roles)
    env["PATH"] = os.pathsep.join(
        [str(bin_dir), base.get("PATH", os.defpath)]
    )  # else runner ends with 127 and no event
    env["PYTHONUNBUFFERED"] = "1"
    if "utf" not in (base.get("LC_ALL") or base.get("LC_CTYPE") or base.get("LANG") or "").lower():
        env["LC_ALL"] = "C.UTF-8"  # Ansible refuses to start elsewhere
    return env


def roles_path(base: Mapping[str, str], config: AnsibleConfig, roles: Sequence[Path]) -> str:
    """Where roles are looked for, after `roles/` beside the playbook: the user's own places first, ours last."""
    named = (base.get("ANSIBLE_ROLES_PATH") or config.paths("roles_path")).split(":")
    usual = ["~/.ansible/roles", "/usr/share/ansible/roles", "/etc/ansible/roles"]
    return ":".join(dict.fromkeys([*filter(None, named), *map(str, roles), *usual]))


def runner_settings(run: Path, playbook: Path, config: AnsibleConfig, *, forks: int, check: bool) -> dict[str, Any]:
    """What the child process hands to ansible-runner. No secret in it: variables lie in `env/extravars`."""
    return {
        "through": str(run / "through.json"),
        "private_data_dir": str(run / "runner"),
        "project_dir": str((config.path or playbook).parent),
        "playbook": str(playbook),
        "inventory": str(run / "inventory.json"),
        "limit": f"@{run / 'limit'}",
        "forks": forks,
        "cmdline": "--check --diff" if check else "",
        "ident": "run",
        "quiet": True,
        "settings": {"pexpect_timeout": 0.5, "suppress_output_file": True, "suppress_ansible_output": True},
    }


def forks(hosts: int, available_megabytes: int | None = None) -> int:
    """How many hosts at once: all up to 25, and not more than memory allows (a fork of Ansible takes about 60 MB)."""
    room = MAX_FORKS if available_megabytes is None else max(1, available_megabytes // MEGABYTES_PER_FORK)
    return max(1, min(hosts, MAX_FORKS, room))
