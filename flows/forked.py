"""Stands for a flow run's process that flows/forking.py forks: hands on its environment, its signals and its end.

A program of its own, standard library only: `python -I -S forked.py SOCKET`. Killed, it takes what it stands for with it.
"""

import contextlib
import json
import os
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

LENGTH = struct.Struct("!I")
NUMBER = struct.Struct("!i")
LOOK_EVERY = 0.2
ATTEMPTS = 50
LOST = 70
"""The exit code where nobody can say any more how the run's process ended."""


def main() -> int:
    pid, early = 0, list[int]()

    def hand_on(number: int, _: FrameType | None) -> None:
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        else:
            early.append(number)

    signal.signal(signal.SIGTERM, hand_on)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the worker
    server = connected(sys.argv[1])
    ask(server)
    found = told(server)
    if found is None:
        return LOST
    pid = found
    for number in early:
        hand_on(number, None)
    code = told(server)
    if code is None:  # the server died; what it made did not
        while Path(f"/proc/{pid}").exists():
            time.sleep(LOOK_EVERY)
        return LOST
    if code < 0:
        if -code == signal.SIGTERM:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), -code)  # it ends as that has ended
    return code


def connected(path: str) -> socket.socket:
    """The server; one that has just begun may not listen yet."""
    for attempt in range(ATTEMPTS):
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(path)
        except ConnectionRefusedError:
            server.close()
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(LOOK_EVERY)
        else:
            break
    return server


def ask(server: socket.socket) -> None:
    """Hand over standard input, output and error, the environment and the directory."""
    wanted = json.dumps({"environ": dict(os.environ), "directory": str(Path.cwd())}).encode()
    socket.send_fds(server, [LENGTH.pack(len(wanted))], [0, 1, 2])
    server.sendall(wanted)


def heard(client: socket.socket, count: int) -> tuple[dict[str, Any], list[int]] | None:
    """(what is wanted, its `count` descriptors) as `ask` sent it; None where the asker has gone."""
    try:
        head, descriptors, _, _ = socket.recv_fds(client, LENGTH.size, count)
    except OSError:
        return None
    if len(head) < LENGTH.size or len(descriptors) < count:
        return None
    text = _all(client, LENGTH.unpack(head)[0])
    return None if text is None else (json.loads(text), descriptors)


def tell(client: socket.socket, number: int) -> None:
    """A process id, then an exit code (negative: a signal). Nothing where nobody listens."""
    with contextlib.suppress(OSError):
        client.sendall(NUMBER.pack(number))


def told(server: socket.socket) -> int | None:
    """What `tell` says; None where the server is gone."""
    data = _all(server, NUMBER.size)
    return None if data is None else int(NUMBER.unpack(data)[0])


def _all(connection: socket.socket, length: int) -> bytes | None:
    data = b""
    while len(data) < length:
        try:
            more = connection.recv(length - len(data))
        except OSError:
            return None
        if not more:
            return None
        data += more
    return data


if __name__ == "__main__":
    sys.exit(main())
