"""The engine's API: the user's active Prefect API where one is configured, else a resident local server of Baton's own.

Nothing here imports Prefect: a command that needs no flow must not pay for it (1.2 s). The resident server costs about
230 MB while it lives, takes about ten seconds to start once, and stops by itself when nobody has used it for a while.
"""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.settings import Settings, make_private
from lifecycle.errors import BatonError

STOP_PATIENCE = 30.0
"""Seconds that the server has to end."""
START_PATIENCE = 180.0
"""Seconds to wait for a fresh server. Ten on a quiet machine; a busy one may need several times that."""


class EngineUnavailable(BatonError):
    """The engine's server does not answer."""


@dataclass(frozen=True, slots=True)
class Server:
    """Baton's own server, as its keeper wrote it down."""

    url: str
    pid: int
    auth: str

    @property
    def healthy(self) -> bool:
        """Whether it answers, and takes our password."""
        request = urllib.request.Request(f"{self.url}/admin/version", headers=_authorization(self.auth))  # noqa: S310  our own URL
        try:
            with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError, ValueError):
            return False


def engine_home(settings: Settings) -> Path:
    return settings.home / "engine"


Tell = Callable[[str], None]


def use(
    settings: Settings,
    tell: Tell,
    environ: MutableMapping[str, str] = os.environ,
    meanwhile: Callable[[], object] = lambda: None,
) -> str:
    """Point this process (and its children) at the engine's API, starting the resident server where needed; its URL.

    Must be called before Prefect is imported. `meanwhile` is called once that may be done, and while a server that is started
    comes up. Raises EngineUnavailable when it does not.
    """
    configured = settings.engine or configured_api(environ)
    if configured:
        environ["PREFECT_API_URL"] = configured
        _quiet(environ)
        return configured

    def point_at(server: Server) -> None:
        environ.update(client_variables(settings, server))
        environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "3")  # it is on this machine: busy for a while (503), or gone
        _quiet(environ)

    def launched(server: Server) -> None:
        point_at(server)
        meanwhile()

    server = ensure(settings, tell, launched)
    point_at(server)
    return server.url


def reach(settings: Settings, environ: MutableMapping[str, str] = os.environ) -> str:
    """Point this process at the engine's API as `use` does, but start nothing; its URL, or nothing where none is there."""
    if not (settings.engine or configured_api(environ)) and find(settings) is None:
        return ""
    return use(settings, lambda _: None, environ)


def configured_api(environ: Mapping[str, str]) -> str:
    """The API URL of the environment or of the user's active Prefect profile; empty when there is none."""
    if environ.get("PREFECT_API_URL"):
        return environ["PREFECT_API_URL"]
    home = Path(environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    path = Path(environ.get("PREFECT_PROFILES_PATH", home / "profiles.toml"))
    with contextlib.suppress(OSError, tomllib.TOMLDecodeError):
        profiles = tomllib.loads(path.read_text())
        active = environ.get("PREFECT_PROFILE") or profiles.get("active", "")
        return str(profiles.get("profiles", {}).get(active, {}).get("PREFECT_API_URL", ""))
    return ""


def client_variables(settings: Settings, server: Server) -> dict[str, str]:
    """What a client of the resident server needs in its environment."""
    return {
        "PREFECT_HOME": str(engine_home(settings)),
        "PREFECT_API_URL": server.url,
        "PREFECT_API_AUTH_STRING": server.auth,
    }


def ensure(settings: Settings, tell: Tell, launched: Callable[[Server], object] = lambda _: None) -> Server:
    """The resident server, started if it does not run; then it is told first. Two callers at once start one.

    `launched` is called with a server that is started, before it answers.
    """
    home = engine_home(settings)
    make_private(home)
    with _only_one(home / "start.lock"):
        server = find(settings) or _slow(settings)
        if server is None:
            tell("starting the engine's local server: about ten seconds, once; it stops by itself when it is idle")
            server = _start(settings, launched)
    touch(settings)
    return server


def _slow(settings: Settings) -> Server | None:
    """A server that is kept and does not answer yet, once it does: a second one over the same database would slow down both.

    None where none is kept. Raises EngineUnavailable when it never answers.
    """
    server, until = read(settings), time.monotonic() + START_PATIENCE
    while server is not None and kept_by(server):
        if server.healthy:
            return server
        if time.monotonic() > until:
            log = engine_home(settings) / "server.log"
            hint = f"its log may say why: {log}; end it with: baton server stop"
            raise EngineUnavailable("the engine's local server runs and does not answer", hint=hint)
        time.sleep(0.5)
    return None


def find(settings: Settings) -> Server | None:
    """The resident server if it runs and answers."""
    server = read(settings)
    return server if server and server.healthy else None


def read(settings: Settings) -> Server | None:
    """What is written down of the resident server, whether it answers or not."""
    try:
        given: dict[str, Any] = json.loads((engine_home(settings) / "server.json").read_text())
        return Server(str(given["url"]), int(given["pid"]), str(given["auth"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def kept_by(server: Server) -> bool:
    """Whether the process that was written down still is the server's keeper: process ids are used again."""
    try:
        words = Path(f"/proc/{server.pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" and any(word.endswith(b"keeper.py") for word in words)


def stop(server: Server) -> None:
    """The server is gone when this returns. Raises EngineUnavailable where it does not go."""
    os.kill(server.pid, signal.SIGTERM)
    until = time.monotonic() + STOP_PATIENCE
    while kept_by(server):
        if time.monotonic() > until:
            hint = "look at its log in the engine's home"
            raise EngineUnavailable(f"the server (process {server.pid}) does not stop", hint=hint)
        time.sleep(0.1)


def running_flows(server: Server) -> int:
    """How many flow runs are at work on it now; 0 where it does not answer."""
    wanted = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}}
    headers = _authorization(server.auth) | {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}/flow_runs/count", json.dumps(wanted).encode(), headers)  # noqa: S310  our own URL
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return int(json.load(answer))
    except (OSError, ValueError):
        return 0


def touch(settings: Settings) -> None:
    """Tell the keeper that somebody uses the server."""
    with contextlib.suppress(OSError):
        (engine_home(settings) / "used").touch()


def _start(settings: Settings, launched: Callable[[Server], object]) -> Server:
    home = engine_home(settings)
    auth = f"baton:{secrets.token_urlsafe(24)}"
    port = _port(home / "port")
    url = f"http://127.0.0.1:{port}/api"
    touch(settings)
    log = os.open(home / "server.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        keeper = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).with_name("keeper.py")), str(home), str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_server_variables(home, url, auth),
            cwd=home,
            start_new_session=True,
        )
    finally:
        os.close(log)
    server = Server(url, keeper.pid, auth)
    _write_private(home / "server.json", json.dumps({"url": url, "pid": keeper.pid, "auth": auth}))
    launched(server)
    until = time.monotonic() + START_PATIENCE
    while not server.healthy:
        if keeper.poll() is not None or time.monotonic() > until:
            raise EngineUnavailable(
                "the engine's local server did not start", hint=f"its log says why: {home / 'server.log'}"
            )
        time.sleep(0.1)
    return server


_INHERITED = frozenset({"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH"})
_INHERITED_PREFIXES = ("LC_", "XDG_", "BATON_ENGINE_")
"""All that the server takes from the shell of whoever happened to start it: it outlives that by hours, with whatever is in there."""


def _server_variables(home: Path, url: str, auth: str) -> dict[str, str]:
    """The server's environment: its own home, a password, no call home, batches instead of a write per task run."""
    kept = {k: v for k, v in os.environ.items() if k in _INHERITED or k.startswith(_INHERITED_PREFIXES)}
    services = "PREFECT_SERVER_SERVICES"
    return kept | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING": auth,
        "PREFECT_SERVER_API_AUTH_STRING": auth,
        "PREFECT_SERVER_UI_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        f"{services}_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
        f"{services}_TASK_RUN_RECORDER_BATCH_SIZE": "100",
        f"{services}_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
        f"{services}_EVENT_PERSISTER_BATCH_SIZE": "100",
        f"{services}_TRIGGERS_READ_BATCH_SIZE": "100",
        "PYTHONSAFEPATH": "1",
    }


def _quiet(environ: MutableMapping[str, str]) -> None:
    environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = (
        "CRITICAL"  # a person watches Baton's progress; the API gets every line
    )
    environ.setdefault("DO_NOT_TRACK", "1")
    environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")


def _authorization(auth: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(auth.encode()).decode()}


def _port(last: Path) -> int:
    """A free port: the one that the server had last, where that is still free, so that its pages keep their addresses."""
    with contextlib.suppress(OSError, ValueError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself does
        probe.bind(("127.0.0.1", int(last.read_text())))
        return int(probe.getsockname()[1])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    last.write_text(str(port))
    return port


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
    temporary.rename(path)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
