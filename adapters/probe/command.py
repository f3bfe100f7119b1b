"""Looks on a host: a command's exit code and output, and whether a service runs."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from adapters.probe.look import Budget, Look, Mask
from adapters.probe.remote import Ran
from adapters.probe.spec import CommandSpec, ServiceSpec

OnHost = Callable[[str, Budget, bool], Ran]
"""Runs a script on one host: (script, budget, as root) → how it ended."""

SHOWN = 200
"""Characters of an output that the evidence of a failure shows: its end, where programs say what went wrong."""

NAMED = 60
"""Characters of a command that a failure names it by."""


def look_command(spec: CommandSpec, on_host: OnHost, budget: Budget, mask: Mask) -> Look:
    """Whether the command ends with the wanted exit code and prints what is wanted. It runs as the login user, in /bin/sh."""
    ran = on_host(spec.command, budget, False)
    facts = {"exit": ran.exit}
    missing = spec.stdout.missing(ran.stdout, "stdout")
    ended = f"'{_named(spec.command, mask)}' ended with {ran.exit}"
    if ran.exit != spec.exit:
        said = _last_line(ran.stderr, mask) or _last_line(ran.stdout, mask)
        return Look(False, f"{ended}, wanted {spec.exit}: {said or 'it said nothing'}", facts)
    if missing:
        return Look(False, f"{ended}, but {missing}{_shown(ran, mask)}", facts)
    return Look(True, f"exit {ran.exit}", facts)


def _named(command: str, mask: Mask) -> str:
    """The command's beginning, in one line. A secret that is quoted for the shell is masked too."""
    shown = mask(command)
    try:
        bare = " ".join(shlex.split(shown))
    except ValueError:  # a line that only the shell understands
        bare = ""
    words = " ".join((mask(bare) if mask(bare) != bare else shown).split())
    return words if len(words) <= NAMED else f"{words[: NAMED - 1].rstrip()}…"


def _last_line(output: str, mask: Mask) -> str:
    lines = [line.strip() for line in mask(output).splitlines() if line.strip()]
    return lines[-1][-SHOWN:] if lines else ""


def _shown(ran: Ran, mask: Mask) -> str:
    outputs = {"stdout": mask(ran.stdout).strip(), "stderr": mask(ran.stderr).strip()}
    return "".join(f"; {name} ends {text[-SHOWN:]!r}" for name, text in outputs.items() if text)


# sd_booted(3): systemd manages the machine exactly when this directory exists, whatever is installed.
# Without it: OpenRC, a SysV init script, or a program under supervisor, the first that knows the name.
# Exit 0 means running for all of them (LSB; supervisorctl since 4.0).
_STATUS = """\
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; export PATH
if [ -d /run/systemd/system ]; then echo systemctl; systemctl is-active -- {name}
elif [ -x /sbin/rc-service ]; then echo rc-service; rc-service {name} status
elif [ -x /etc/init.d/{name} ]; then echo service; service {name} status
elif command -v supervisorctl >/dev/null 2>&1; then echo supervisorctl; supervisorctl status {name}
elif command -v service >/dev/null 2>&1; then echo service; service {name} status
else echo none; exit 1
fi 2>&1
"""


def look_service(spec: ServiceSpec, on_host: OnHost, budget: Budget, *, become: bool) -> Look:
    """Whether the host's service manager (systemd, OpenRC, SysV init or supervisor) says that the service runs."""
    ran = on_host(_STATUS.format(name=spec.name), budget, become)
    manager, _, said = ran.stdout.partition("\n")
    facts = {"exit": ran.exit, "manager": manager}
    if manager == "none":
        return Look(False, "no service manager was found on the host", facts)
    said = " ".join((said or ran.stderr).split())[-SHOWN:]
    if ran.exit == 0:
        return Look(True, f"{spec.name} runs ({manager})", facts)
    return Look(False, f"{spec.name} does not run ({manager}, exit {ran.exit}: {said or 'nothing said'})", facts)
