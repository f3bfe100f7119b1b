"""Why a run of Ansible ended without having done its work: what it wrote → an error that says where, and what to do."""

import re
from pathlib import Path
from typing import Final

from lifecycle.errors import DISK_FULL, BatonError, ExitCode


class PlaybookBroken(BatonError):
    """A playbook cannot be read or does not fit together."""

    exit_code = ExitCode.USAGE


class RoleMissing(PlaybookBroken):
    """A role that a playbook names is not there."""


class AnsibleFailed(BatonError):
    """Ansible itself could not run."""


_ORIGIN: Final = re.compile(r"^\s*Origin: (\S+?:\d+(?::\d+)?)\s*$", re.MULTILINE)
_ERROR: Final = re.compile(r"^(?:\[ERROR\]: |ERROR! )(.+)$", re.MULTILINE)
_ROLE: Final = re.compile(r"the role '([^']+)' was not found")
_NO_HOSTS: Final = re.compile(
    r"leaves us with no hosts to target|Specified hosts and/or --limit does not match any hosts"
)
_MODULE: Final = re.compile(r"couldn't resolve module/action '([^']+)'")
_INVENTORY: Final = re.compile(r"Completely failed to parse inventory source|Failed to parse .* with \w+ plugin")

_NO_SPACE: Final = re.compile(r"No space left on device|Disk quota exceeded", re.IGNORECASE)

_CODES: Final = {
    5: "it did not understand its options",
    99: "it was interrupted",
    127: "it could not be started: there is no ansible-playbook beside this Python",
    250: "it met an unexpected error",
    254: "it was stopped",
}


def explain(said: str, stderr: str, returncode: int | None, playbook: Path) -> BatonError:
    """The error for a run without statistics. `said` is what Ansible wrote beside its events, masked."""
    text = f"{said}\n{stderr}"
    error = _first_error(text)
    origin = _ORIGIN.search(text)
    where = origin[1] if origin else str(playbook)
    if role := _ROLE.search(text):
        return RoleMissing(
            f"{where}: there is no role '{role[1]}'",
            hint="put it into roles/ beside the playbook or the blueprint, or install it: ansible-galaxy role install",
            facts={"role": role[1], "origin": where},
        )
    if module := _MODULE.search(text):
        return PlaybookBroken(
            f"{where}: there is no module '{module[1]}'",
            hint="is its name right? A module of a collection needs the collection: ansible-galaxy collection install",
            facts={"module": module[1], "origin": where},
        )
    if _NO_HOSTS.search(text):
        return AnsibleFailed(
            f"{playbook}: none of the hosts to configure is in Ansible's inventory",
            hint="the step's hosts are those of its `hosts:`; do the playbook's plays name another group?",
            facts={"said": error},
        )
    if origin:
        return PlaybookBroken(f"{where}: {error}", hint="mend it there and run again", facts={"origin": where})
    if _INVENTORY.search(text):
        return AnsibleFailed(
            f"Ansible could not read the inventory that it was given: {error}",
            hint="is a host's name or group one that Ansible does not take? If not, please report it with these words",
        )
    code = _CODES.get(returncode or 0, f"it ended with {returncode}")
    return AnsibleFailed(
        f"{playbook}: Ansible did not get to configure anything ({code}){f': {error}' if error else ''}",
        hint=DISK_FULL if _NO_SPACE.search(text) else "put right what it says, and run it again",
        facts={"returncode": returncode, "said": text[-2000:]},
    )


def prompts(playbook: Path, variable: str) -> PlaybookBroken:
    """The error for a playbook that asks a person for something."""
    return PlaybookBroken(
        f"{playbook} asks for '{variable}' (vars_prompt), and nobody is there to answer",
        hint=f"give {variable} to the configure step under `vars`: Ansible does not ask for what it has",
        facts={"variable": variable},
    )


def _first_error(text: str) -> str:
    """The first error line, or the last line that says something."""
    found = _ERROR.search(text)
    if found:
        return found[1].strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
