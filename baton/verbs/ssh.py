"""`baton ssh`: log in to a host as Baton does."""

import os
import subprocess
from typing import Annotated

from cyclopts import Parameter

from adapters import settings as settings_of
from baton import console
from baton.naming import known_environment
from baton.options import Env
from lifecycle.errors import BatonError
from lifecycle.inventory import Host

Where = Annotated[str, Parameter(help="An environment as BLUEPRINT/NAME, or the path of its blueprint.")]
Name = Annotated[str, Parameter(help="The host's name; may be left out where there is only one.")]
Command = Annotated[str, Parameter(help="A command to run there, after --.", allow_leading_hyphen=True)]


def ssh(environment: Where, host: Name = "", *command: Command, env: Env = "dev") -> int:
    """Log in to a host, with the pinned host key and the environment's own key, or run a command there."""
    from adapters.registry import open_store, own_key, ssh_command

    host, command = parted(host, command)
    settings = settings_of.load()
    with open_store(settings) as store:
        ref = known_environment(store, environment, env)
        hosts = [own_key(settings, store, ref, h) for h in store.hosts(ref)]
    chosen = _choose(hosts, host, environment)
    with ssh_command(chosen, interactive=not command, others=hosts) as argv:
        words = [*argv, *command]
        console.err.print(f"[dim]{chosen.name} ({chosen.connection.address})[/]")
        return subprocess.run(words, check=False, env=os.environ).returncode


def parted(host: str, command: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Host and command of what stands around `--`; without a host before it, the host is left out."""
    if host == "--":
        return "", command
    return host, command[1:] if command[:1] == ("--",) else command


def _choose(hosts: list[Host], name: str, environment: str) -> Host:
    named = [h for h in hosts if name in ("", h.name, h.id)]
    if len(named) == 1:
        return named[0]
    known = ", ".join(h.name for h in hosts) or "none"
    problem = f"{environment} has no host '{name}'" if name else f"{environment} has {len(hosts)} hosts"
    raise BatonError(problem, hint=f"its hosts: {known}")
