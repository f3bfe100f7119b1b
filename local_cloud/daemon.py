"""The cloud's processes. The keeper binds both sockets on the machine and enters the namespaces; the server inside
serves the API and the broker on them: a socket keeps the network it was made in, so the API is on the machine's
loopback while every host is inside."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local_cloud import launcher as launching
from local_cloud.connect import address
from local_cloud.enter import Entered, IdMap, as_inner_root, enter, stage
from local_cloud.errors import CloudError
from local_cloud.home import Description, Home, held, write_description, write_json
from local_cloud.image import DATA, located
from local_cloud.network import OPERATOR

log = logging.getLogger(__name__)

REGION = "eu-west-1"
_CLOSE_DEADLINE = 20.0
_LAYER = {
    "usr/sbin/init": "init",
    "usr/bin/cloud-init": "cloud-init",
    **{f"usr/sbin/{name}": "power" for name in ("reboot", "poweroff", "halt", "shutdown")},
}


def keep(home: Home, port: int) -> int:
    """Runs a cloud until SIGTERM or SIGINT; gives the server's exit code. Raises CloudError where it cannot start."""
    home.make()
    with held(home.lock, f"A local cloud runs already in {home.root}."):
        ids = IdMap.find()
        image = located(home.cache)
        image.tree(ids.uid).mkdir(exist_ok=True)
        image.tree(ids.uid).chmod(0o777)
        api = socket.create_server(("127.0.0.1", port), backlog=128)
        broker = _listen(home.broker)
        keeper = os.getpid()
        at = stage(home.root, home.cache)
        try:
            entered = enter(
                ids,
                {"hosts": home.hosts, "image": image.tree(ids.uid)},
                at,
                lambda lifeline: serve(home, Path(at), api, broker, lifeline, keeper),
            )
            api.close()
            broker.close()
            return _wait(entered)
        finally:
            home.broker.unlink(missing_ok=True)
            home.description.unlink(missing_ok=True)


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    name, folder = address(str(path))
    listener.bind(name)
    if folder is not None:
        os.close(folder)
    path.chmod(0o600)
    listener.listen(128)
    return listener


def _wait(entered: Entered) -> int:
    lifeline = [entered.lifeline]

    def end(*_: object) -> None:
        while lifeline:
            os.close(lifeline.pop())

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return os.waitstatus_to_exitcode(os.waitpid(entered.pid, 0)[1])


def sweep(home: Home) -> None:
    """Removes what hosts of a dead cloud left on disk (it belongs to mapped ids, so it takes a namespace to do it)."""
    if not home.hosts.is_dir() or not any(home.hosts.iterdir()):
        return
    at = stage(home.root, home.cache)

    def inside(_: int) -> int:
        as_inner_root(lambda: subprocess.run(["find", f"{at}/hosts", "-mindepth", "1", "-delete"], check=True))
        return 0

    entered = enter(IdMap.find(), {"hosts": home.hosts}, at, inside)
    code = os.waitstatus_to_exitcode(os.waitpid(entered.pid, 0)[1])
    os.close(entered.lifeline)
    if code != 0:
        raise CloudError(f"Files of an earlier cloud could not be removed from {home.hosts}.", "Remove them as root.")


def serve(home: Home, at: Path, api: socket.socket, broker: socket.socket, lifeline: int, keeper: int) -> int:
    """The server inside. Ends when the keeper closes the lifeline or dies; takes every host with it."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    launcher = launching.Launcher(_fork_launcher([api, broker], lifeline))
    _prepare(home, at, launcher)
    port = api.getsockname()[1]

    os.environ |= {"MOTO_AMIS_PATH": str(DATA / "amis.json"), "MOTO_PORT": str(port)}  # read when it is imported

    from local_cloud import hooks  # heavy, and not for the launcher: it comes after the fork

    key = "BATON" + secrets.token_hex(8).upper()
    region = _start(hooks, home, at, launcher, api, broker, key)
    write_description(home, describe(home, port, keeper, key))
    log.info("the cloud is up at http://127.0.0.1:%d", port)
    poll = select.poll()
    poll.register(lifeline, select.POLLHUP)
    poll.poll()
    log.info("the cloud goes down")
    timer = threading.Timer(_CLOSE_DEADLINE, lambda: os._exit(1))
    timer.daemon = True
    timer.start()
    region.close()
    os._exit(0)


def _fork_launcher(inherited: list[socket.socket], lifeline: int) -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        code = 1
        try:
            ours.close()
            for one in inherited:
                one.close()
            os.close(lifeline)
            code = launching.serve(theirs)
        finally:
            os._exit(code)
    theirs.close()
    return ours


def _prepare(home: Home, at: Path, launcher: launching.Launcher) -> None:
    """The image unpacked with mapped owners, our own files in a layer over it, and an empty place for hosts."""
    if not (at / "image/rootfs").is_dir():
        _unpack(located(home.cache).tarball, at / "image")
    as_inner_root(lambda: _write_layer(at / "layer"))
    for leftover in (at / "hosts").iterdir():
        launcher.remove(str(leftover))


def _unpack(tarball: Path, target: Path) -> None:
    log.info("unpacking the base image once")
    with tarball.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # another cloud may be unpacking the same tree

        def unpack() -> None:
            part = target / "rootfs.part"
            if (target / "rootfs").is_dir():
                return
            subprocess.run(["rm", "-rf", str(part)], check=True)
            os.umask(0o022)
            part.mkdir()
            subprocess.run(
                ["tar", "-x", "--numeric-owner", "--exclude=./dev/*", f"--directory={part}"], stdin=file, check=True
            )
            part.rename(target / "rootfs")

        as_inner_root(unpack)


def _write_layer(layer: Path) -> None:
    os.umask(0o022)
    for target, content in _FILES.items():
        path = layer / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755)


_FILES = {target: (DATA / name).read_bytes() for target, name in _LAYER.items()}


def _start(
    hooks: Any, home: Home, at: Path, launcher: launching.Launcher, api: socket.socket, broker: socket.socket, key: str
) -> Any:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    from local_cloud.broker import Broker
    from local_cloud.guard import Guard
    from local_cloud.region import Region

    journal: dict[str, Any] = {"rows": None}

    def changed(rows: list[dict[str, Any]]) -> None:
        if rows != journal["rows"]:
            journal["rows"] = rows
            write_json(home.journal, {"instances": rows})

    hooked = hooks.Hooks(changed)
    region = Region(launcher, at, hooks.wanted, hooked.died)
    hooked.install(region)
    application = Guard(DomainDispatcherApplication(create_backend_app), lambda name: name == key or hooks.issued(name))
    host, port = api.getsockname()
    server = make_server(host, port, application, threaded=True, request_handler=MotoRequestHandler, fd=api.fileno())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=Broker(region, hooks.rows).serve, args=(broker,), daemon=True).start()
    return region


def describe(home: Home, port: int, keeper: int, key: str) -> Description:
    """The description of the running cloud; a new `boot_id` each time, for its region is new each time."""
    proxy = Path(__file__).with_name("connect.py")
    return Description(
        name="local",
        endpoint_url=f"http://127.0.0.1:{port}",
        region=REGION,
        access_key=key,
        secret_key=secrets.token_hex(20),
        broker=str(home.broker),
        proxy_command=f"{sys.executable} -I -S {proxy} {home.broker} {{instance_id}} %p",
        operator_proxy_command=f"{sys.executable} -I -S {proxy} {home.broker} operator %h %p",
        operator_cidr=f"{OPERATOR}/32",
        pid=keeper,
        boot_id=secrets.token_hex(8),
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        namespaces={
            name: os.stat(f"/proc/self/ns/{name}").st_ino for name in ("user", "mnt", "pid", "net", "uts", "ipc")
        },
    )
