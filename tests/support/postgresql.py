"""A throw-away PostgreSQL server from the machine's packages: own directory, unix socket, no privileges; a port where one is wanted."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "baton"


class Unavailable(Exception):
    """Why there is no server to test with."""


def binaries() -> Path:
    """The directory of the newest server's programs. Raises Unavailable."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: float(p.parts[-3]))
    on_path = shutil.which("postgres")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    raise Unavailable("no PostgreSQL server is installed (Debian: apt-get install postgresql)")


@contextmanager
def server(listen: str = "") -> Iterator[Path]:
    """The directory of a running server's socket. It refuses to run as root, so it then runs as somebody else.

    `listen`: an address whose port 5432 takes roles with a password, from its /24.
    """
    programs = binaries()
    home = Path(tempfile.mkdtemp(prefix="baton-pg-"))
    try:
        account = _account()
        if account is not None:
            os.chown(home, account.pw_uid, account.pw_gid)
        as_somebody = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        _initialise(programs, home, as_somebody)
        if listen:
            with (home / "data" / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {listen}/24 scram-sha-256\n")
        process = _start(programs, home, as_somebody, listen)
        try:
            _wait_until_ready(process, programs, home)
            yield home
        finally:
            process.send_signal(signal.SIGINT)  # "fast": ends the sessions and stops
            process.wait(timeout=30)
    finally:
        shutil.rmtree(home)


def url(home: Path, database: str) -> str:
    return f"postgresql://{USER}@/{database}?host={home}"


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Unavailable("a PostgreSQL server does not run as root, and there is no other account")


def _initialise(programs: Path, home: Path, as_somebody: dict[str, object]) -> None:
    command = [
        programs / "initdb",
        "-D",
        home / "data",
        "-U",
        USER,
        "--auth=trust",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C",
    ]
    done = subprocess.run(command, cwd=home, check=False, capture_output=True, text=True, timeout=60, **as_somebody)  # type: ignore[call-overload]
    if done.returncode:
        raise Unavailable(f"initdb failed: {done.stderr.strip()[-300:]}")


def _start(programs: Path, home: Path, as_somebody: dict[str, object], listen: str) -> "subprocess.Popen[bytes]":
    settings = {
        "listen_addresses": listen,
        "unix_socket_directories": str(home),
        "fsync": "off",
        "timezone": "Asia/Kolkata",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (home / "log").open("wb") as log:
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            [programs / "postgres", "-D", home / "data", *options], cwd=home, stdout=log, stderr=log, **as_somebody
        )


def _wait_until_ready(process: "subprocess.Popen[bytes]", programs: Path, home: Path) -> None:
    until = time.monotonic() + 30
    while subprocess.run([programs / "pg_isready", "-q", "-h", home], timeout=10, check=False).returncode:
        if process.poll() is not None or time.monotonic() > until:
            raise Unavailable(f"the server did not start: {(home / 'log').read_text()[-300:]}")
        time.sleep(0.05)
