"""What the command line asks of a running cloud, through its broker."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local_cloud import control
from local_cloud.connect import ask
from local_cloud.errors import CloudError
from local_cloud.home import Home

_KEYS = re.compile(r"-----BEGIN SSH HOST KEY KEYS-----\n(.*?)-----END SSH HOST KEY KEYS-----", re.DOTALL)
_ENVIRONMENT = ("HOME=/root", "LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
_KILL_DEADLINE = 10.0


def request(home: Home, question: dict[str, Any]) -> tuple[dict[str, Any], int | None]:
    """The broker's answer. Raises CloudError where no cloud runs (with the lost region's name) or the answer is no."""
    if control.running(home) is None:
        lost = control.lost_region(home)
        raise CloudError(
            f"No local cloud runs in {home.root}.{' ' + lost if lost else ''}", "Start one: baton cloud up"
        )
    answer, descriptor = ask(str(home.broker), question)
    if not answer["ok"]:
        raise CloudError(str(answer["message"]))
    return answer, descriptor


def instances(home: Home) -> list[dict[str, Any]]:
    """Rows with id, name, environment, private_ip, public_ip, state."""
    rows: list[dict[str, Any]] = request(home, {"do": "list"})[0]["instances"]
    return rows


def find(home: Home, name: str) -> dict[str, Any]:
    """The one instance of that id, name tag or private address. Raises CloudError for none, and for several."""
    rows = instances(home)
    found = [row for row in rows if name in (row["id"], row["name"], row["private_ip"])]
    if not found:
        known = ", ".join(row["name"] or row["id"] for row in rows) or "none"
        raise CloudError(f"There is no instance {name!r} in the local cloud.", f"There are: {known}.")
    if len(found) > 1:
        ids = ", ".join(f"{row['id']} ({row['environment'] or 'no environment'})" for row in found)
        raise CloudError(f"{name!r} names {len(found)} instances: {ids}.", "Say one by its id.")
    return found[0]


def logs(home: Home, id: str) -> dict[str, str]:
    answer, _ = request(home, {"do": "logs", "id": id})
    return {"console": answer["console"], "user_data": answer["user_data"]}


def kill(home: Home, id: str) -> None:
    """Cuts the power and waits until the API shows it."""
    request(home, {"do": "kill", "id": id})
    deadline = time.monotonic() + _KILL_DEADLINE
    while time.monotonic() < deadline:
        if find(home, id)["state"] == "stopped":
            return
        time.sleep(0.02)
    raise CloudError(f"{id} has lost its power, but the API still shows it {find(home, id)['state']}.")


def visit(home: Home, address: str, port: int) -> socket.socket:
    """A visitor's connection to a public address, from outside. Raises CloudError with what is in the way."""
    _, descriptor = request(home, {"dial": "outside", "host": address, "port": port})
    assert descriptor is not None, "an answer that is ok carries it"
    return socket.socket(fileno=descriptor)


def known_hosts(home: Home, id: str) -> Path:
    """A known_hosts file that trusts exactly the keys on the instance's console, under its id."""
    found = _KEYS.findall(logs(home, id)["console"])
    if not found:
        raise CloudError(f"{id} has not printed its host key yet.", "Look at: baton cloud logs " + id)
    lines = [f"{id} {' '.join(line.split()[:2])}\n" for line in found[-1].splitlines() if line.strip()]
    path = home.run / f"known_hosts-{id}"
    path.write_text("".join(lines), encoding="utf-8")
    path.chmod(0o600)
    return path


def ssh_command(home: Home, id: str, key: str | None) -> list[str]:
    """The ssh command up to the remote command: through the broker, the host key pinned."""
    description = control.running(home)
    assert description is not None, "request() has checked it"
    return [
        "ssh",
        "-F",
        "none",
        *(["-i", key, "-o", "IdentitiesOnly=yes"] if key else []),
        "-o",
        f"ProxyCommand={description.proxy_command.format(instance_id=id)}",
        "-o",
        "ProxyUseFdpass=yes",
        "-o",
        f"HostKeyAlias={id}",
        "-o",
        f"UserKnownHostsFile={known_hosts(home, id)}",
        "-o",
        "StrictHostKeyChecking=yes",
        f"admin@{id}",
    ]


def ssh(home: Home, row: dict[str, Any], key: str | None, command: Sequence[str]) -> int:
    """Logs in, or runs a command; gives ssh's exit code."""
    return subprocess.run([*ssh_command(home, row["id"], key), *command], check=False).returncode


def execute(home: Home, row: dict[str, Any], command: Sequence[str]) -> int:
    """Runs a command as root in the host's namespaces; gives its exit code (126/127 as a shell does)."""
    if not shutil.which("nsenter"):
        raise CloudError("nsenter is not on PATH.", "On Debian: apt-get install util-linux")
    _, descriptor = request(home, {"do": "enter", "id": row["id"]})
    assert descriptor is not None, "an answer that is ok carries it"
    try:
        inside = [
            "nsenter",
            f"--target={_pid(descriptor)}",
            "--user",
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--root",
            "--wd",
        ]
        terminal = f"TERM={os.environ.get('TERM', 'dumb')}"
        return subprocess.run([*inside, "--", "env", "-i", *_ENVIRONMENT, terminal, *command], check=False).returncode
    finally:
        os.close(descriptor)


def _pid(descriptor: int) -> int:
    """The process id, as this process sees it, of the process behind a pidfd that came from another PID namespace."""
    for line in Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise CloudError("This kernel does not say which process a pidfd means.", "It needs Linux 5.4 or later.")
