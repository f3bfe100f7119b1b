"""Whether an SSH server speaks at an address: its first line, read directly or through the host's proxy.

A port that opens is no proof: load balancers, transparent proxies and some networks accept for an address where nobody is.
"""

import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final

from adapters.ssh.call import PROXY_SHELL
from lifecycle.errors import BatonError
from lifecycle.inventory import Connection
from lifecycle.ssh_options import passes_descriptor, proxy_command

LIMIT: Final = 8192  # bytes before the banner: RFC 4253 lets a server say something first
SLICE_SECONDS: Final = 0.1  # how often a cancellation is looked at


class NoBanner(BatonError):
    """No SSH server spoke. The fact `proxy` is the last line that the proxy said, where it said something."""


def read_banner(
    connection: Connection,
    timeout: float,
    *,
    jump_known_hosts: str = "",
    cancelled: Callable[[], bool] = lambda: False,
) -> str:
    """The server's line, `SSH-2.0-…`, within `timeout` seconds. Raises NoBanner that says what was seen instead."""
    deadline = time.monotonic() + timeout
    command = proxy_command(connection, connect_timeout=max(1, int(timeout)), jump_known_hosts=jump_known_hosts)
    if command:
        return _through_proxy(connection, command, deadline, cancelled)
    try:
        with socket.create_connection((connection.address, connection.port), timeout) as peer:
            return _first_line(peer, deadline, cancelled)
    except TimeoutError as error:
        raise NoBanner(f"no connection within {timeout:.1f} s") from error
    except OSError as error:
        raise NoBanner(f"no connection: {error.strerror or error}") from error


def _first_line(peer: socket.socket, deadline: float, cancelled: Callable[[], bool]) -> str:
    """The line that begins with `SSH-`, from a connected socket or the end of a proxy."""
    peer.setblocking(False)
    seen = b""
    while len(seen) < LIMIT:
        if not _readable(peer, deadline, cancelled):
            raise NoBanner("the port is open, but nothing was said" if not seen else "the port says something else")
        chunk = peer.recv(LIMIT - len(seen))
        if not chunk:
            raise NoBanner("the connection was closed before the SSH banner")
        seen += chunk
        *lines, _ = seen.split(b"\n")
        for line in lines:
            if line.startswith(b"SSH-"):
                return line.decode("ascii", errors="replace").strip()
    raise NoBanner("the port says something else than SSH")


def _readable(peer: socket.socket, deadline: float, cancelled: Callable[[], bool]) -> bool:
    """Wait for something to read; False at the deadline, or when it is not wanted any more."""
    poll = select.poll()
    poll.register(peer, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0 and not cancelled():
        if poll.poll(min(SLICE_SECONDS, left) * 1000):
            return True
    return False


def _through_proxy(connection: Connection, command: str, deadline: float, cancelled: Callable[[], bool]) -> str:
    """Start the proxy as ssh does: by a shell, its ends joined to a socket over which it speaks or passes one."""
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as said:
        with theirs:
            process = subprocess.Popen(
                [PROXY_SHELL, "-c", f"exec {_expanded(command, connection)}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=said,
                start_new_session=True,
            )
        try:
            if not passes_descriptor(connection):
                return _first_line(ours, deadline, cancelled)
            with _passed(ours, deadline, cancelled) as peer:
                return _first_line(peer, deadline, cancelled)
        except (OSError, NoBanner) as error:
            raise _nothing_through(error, said) from error
        finally:
            _end(process)


def _passed(ours: socket.socket, deadline: float, cancelled: Callable[[], bool]) -> socket.socket:
    """The connected socket that the proxy hands over."""
    if not _readable(ours, deadline, cancelled):
        raise NoBanner("the proxy did not connect")
    _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    if not descriptors:
        raise NoBanner("the proxy ended without a connection")
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return socket.socket(fileno=descriptors[0])


def _nothing_through(error: Exception, said: IO[bytes]) -> NoBanner:
    """With what the proxy said last, which explains more than what we saw."""
    said.seek(0)
    lines = [line.strip() for line in said.read(LIMIT).decode(errors="replace").splitlines() if line.strip()]
    words = f" (the proxy says: {lines[-1]})" if lines else ""
    facts = {"proxy": lines[-1]} if lines else {}
    return NoBanner(f"nothing came through the proxy command: {error}{words}", facts=facts)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _expanded(command: str, connection: Connection) -> str:
    """ssh's tokens of a ProxyCommand filled in (`%h`, `%n`, `%p`, `%r`, `%%`). ssh refuses odd characters in them, and so do we."""
    tokens = {
        "h": connection.address,
        "n": connection.address,
        "p": str(connection.port),
        "r": connection.user,
        "%": "%",
    }

    def value(match: re.Match[str]) -> str:
        found = tokens.get(match[1])
        if found is None:
            raise BatonError(f"the proxy command uses ssh's %{match[1]}, which is not supported: {command}")
        if found != "%" and not re.fullmatch(r"[\w.:@%-]+", found):
            raise BatonError(f"'{found}' cannot stand in a proxy command")
        return found

    return re.sub(r"%(.)", value, command)
