"""Starting and ending the cloud from outside, and proving that nothing of it is left."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from local_cloud import daemon, image
from local_cloud.errors import CloudError
from local_cloud.home import Description, Home, alive, read_description, read_json

_START_DEADLINE = 90.0
_DOWN_DEADLINE = 40.0
_PROGRAM = "import sys; sys.path.append(sys.argv.pop(1)); from local_cloud.cli import main; sys.exit(main())"


def running(home: Home) -> Description | None:
    """The description of the cloud that runs in this home, or None."""
    description = read_description(home)
    return description if description and alive(home) and _answers(description) else None


def _answers(description: Description) -> bool:
    address = urlsplit(description.endpoint_url)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), 2).close()
    except OSError:
        return False
    return True


def lost_region(home: Home) -> str:
    """One sentence that names the instances which went with a dead cloud; empty where nothing was lost."""
    rows = (read_json(home.journal) or {}).get("instances", [])
    if not rows or alive(home):
        return ""
    names = ", ".join(
        f"{row['name'] or row['id']}{' of ' + row['environment'] if row['environment'] else ''}" for row in rows
    )
    return f"Its region is lost: the cloud ended without 'down' and took {len(rows)} instances with it ({names})."


def up(home: Home, port: int, say: Callable[[str], None]) -> Description:
    """Starts the cloud unless it runs, repairs what a dead one left, and waits until the API answers."""
    home.make()
    with (home.root / "up.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once: the second finds the first one's cloud
        present = running(home)
        if present is not None:
            return present
        _prepare(home, say)
        return _spawn(home, port)


def _spawn(home: Home, port: int) -> Description:
    log = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MOTO_", "TF_"))}
    environment |= {"BATON_CLOUD_HOME": str(home.root), "BATON_CACHE": str(home.cache.parent)}
    above = str(Path(__file__).resolve().parent.parent)
    try:
        keeper = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, above, "up", "--foreground", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
    finally:
        os.close(log)
    return _await(home, keeper)


def _await(home: Home, keeper: subprocess.Popen[bytes]) -> Description:
    deadline = time.monotonic() + _START_DEADLINE
    while time.monotonic() < deadline:
        description = read_description(home)
        if description and description.pid == keeper.pid and _answers(description):
            return description
        if keeper.poll() is not None:
            lines = [line for line in home.log.read_text(errors="replace").splitlines() if line.strip()]
            reason = "; ".join(line.removeprefix("local cloud: ").removeprefix("error: ") for line in lines[-2:])
            raise CloudError(f"The local cloud did not start: {reason or 'no reason given'}", f"The log is {home.log}.")
        time.sleep(0.02)
    keeper.terminate()
    raise CloudError(f"The local cloud did not answer within {_START_DEADLINE:.0f} s.", f"The log is {home.log}.")


def _prepare(home: Home, say: Callable[[str], None]) -> None:
    image.check_tools()
    lost = lost_region(home)
    if lost:
        say(lost)
    image.ensure(home.cache, say)
    if not alive(home):
        home.journal.unlink(missing_ok=True)


def foreground(home: Home, port: int, say: Callable[[str], None]) -> int:
    """Runs the cloud in this process until it is told to end."""
    home.make()
    _prepare(home, say)
    return daemon.keep(home, port)


def down(home: Home, say: Callable[[str], None]) -> list[str]:
    """Ends the cloud and removes every trace; gives the kinds of thing that were looked for and not found.

    Raises CloudError that names what is left, if anything is.
    """
    description = read_description(home)
    if alive(home):
        _end(home, description, say)
    daemon.sweep(home)
    for path in (home.description, home.broker, home.journal, home.log):
        path.unlink(missing_ok=True)
    for path in home.run.glob("known_hosts-*") if home.run.is_dir() else ():
        path.unlink()
    found = leftovers(home, description)
    if any(found.values()):
        what = "; ".join(f"{kind}: {', '.join(things)}" for kind, things in found.items() if things)
        raise CloudError(f"Something of the local cloud is left: {what}.", "Run: baton cloud down again.")
    return list(found)


def _end(home: Home, description: Description | None, say: Callable[[str], None]) -> None:
    if description and b"local_cloud" in _command_line(description.pid):
        os.kill(description.pid, signal.SIGTERM)
    if not _gone(home, _DOWN_DEADLINE):
        for pid in _inside(description):
            say(f"process {pid} of the cloud does not end; killing it")
            os.kill(pid, signal.SIGKILL)
        if not _gone(home, _DOWN_DEADLINE):
            raise CloudError(f"The local cloud in {home.root} does not end.", f"Look at {home.log}.")


def _gone(home: Home, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _inside(description: Description | None) -> list[int]:
    """Processes in the cloud's user namespace: its own and every host's."""
    if description is None:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "ns/user").stat().st_ino == description.namespaces["user"]:
                    found.append(int(entry.name))
            except OSError:
                continue  # it has ended, or it is not ours to look at
    return found


def leftovers(home: Home, description: Description | None) -> dict[str, list[str]]:
    """What is still there of a cloud that should be gone, by kind. Links and rules live in namespaces, and a namespace
    lives as long as a process or a mount holds it."""
    mounts = [
        line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(home.root) in line
    ]
    files = [str(path) for path in (home.broker, home.description) if path.exists()]
    if home.hosts.is_dir():
        files += [str(path) for path in home.hosts.iterdir()]
    socket_left = [description.endpoint_url] if description and _answers(description) else []
    processes = [str(pid) for pid in _inside(description)]
    return {"process": processes, "mount": mounts, "namespace": processes, "socket": socket_left, "host file": files}
