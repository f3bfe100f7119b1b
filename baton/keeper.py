"""Keeps the resident engine server: starts it, ends it when it is idle or when asked, leaves nothing behind.

A program of its own, standard library only, so that it costs a few megabytes: `python -I keeper.py HOME PORT`. It starts
a server that died by itself again, at the same address: runs go on and tell it how they ended. It ends the server's whole process group on SIGTERM and when `HOME/used` has not been touched for IDLE seconds while no flow run
is running. Its environment is the server's.
"""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

IDLE = float(os.environ.get("BATON_ENGINE_IDLE_SECONDS", "1800"))
LOOK_EVERY = 15.0
GRACE = 20.0


def main() -> int:
    home, port = Path(sys.argv[1]), sys.argv[2]
    server, answered = _start(home, port), False
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    next_look = time.monotonic() + LOOK_EVERY
    while not asked:
        time.sleep(0.2)
        if server.poll() is not None:
            if not answered:  # it would die again
                break
            _end_group(server)
            server, answered = _start(home, port), False
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + LOOK_EVERY
            answered = answered or _asked("/admin/version") is not None
            asked = _idle(home)
    _end(server)
    (home / "server.json").unlink(missing_ok=True)
    return server.returncode or 0


def _start(home: Path, port: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "flows.server", "server", "start", "--host", "127.0.0.1", "--port", port],
        stdin=subprocess.DEVNULL,
        cwd=home,
        process_group=0,
    )


def _end_group(server: "subprocess.Popen[bytes]") -> None:
    """What a server that died may have left of itself."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)


def _idle(home: Path) -> bool:
    """Whether nobody has used the server for long and it has nothing to run."""
    try:
        unused = time.time() - (home / "used").stat().st_mtime
    except OSError:
        return True
    return unused > IDLE and not _busy()


def _busy() -> bool:
    """Whether a flow run is running, or asked for at some time. Not known counts as busy.

    What the engine itself has scheduled ahead (a tick every few minutes, for ever) does not count.
    """
    states = ["RUNNING", "PENDING", "CANCELLING", "SCHEDULED", "PAUSED"]
    wanted = _count({"state": {"type": {"any_": states}}})
    ahead = _count({"state": {"type": {"any_": ["SCHEDULED"]}}, "tags": {"all_": ["auto-scheduled"]}})
    return wanted is None or ahead is None or wanted > ahead


def _count(flow_runs: dict[str, object]) -> int | None:
    """How many flow runs there are of this kind; None: the server does not say."""
    found = _asked("/flow_runs/count", json.dumps({"flow_runs": flow_runs}).encode())
    return found if isinstance(found, int) else None


def _asked(path: str, body: bytes | None = None) -> Any:
    """What the server answers; None where it does not."""
    credentials = base64.b64encode(os.environ["PREFECT_API_AUTH_STRING"].encode()).decode()
    request = urllib.request.Request(  # noqa: S310  our own URL
        os.environ["PREFECT_API_URL"] + path,
        data=body,
        headers={"Content-Type": "application/json", "Authorization": f"Basic {credentials}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return json.load(answer)
    except (OSError, ValueError):
        return None


def _end(server: "subprocess.Popen[bytes]") -> None:
    """SIGINT, patience, then SIGKILL of the server's process group."""
    for sign, patience in ((signal.SIGINT, GRACE), (signal.SIGKILL, 5.0)):
        if server.poll() is not None:
            break
        try:
            os.killpg(server.pid, sign)
            server.wait(patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


if __name__ == "__main__":
    sys.exit(main())
