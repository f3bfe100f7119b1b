"""The launcher: one small single-threaded process that forks, so that the threaded server never has to.

It runs as root inside and knows three requests. Each comes with a socket of its own for the answer, and is carried out
in a child, so any number may run at once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from local_cloud import boot, linux
from local_cloud.enter import become_inner_root
from local_cloud.errors import CloudError

_LIMIT = 1 << 20


class Launcher:
    """The server's side: asks, waits, and raises CloudError with what the child said."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def boot(self, spec: dict[str, Any], network: int) -> int:
        """Boots a host into the network namespace `network`; gives the process id (inside) of its process 1."""
        return int(self._ask({"do": "boot", "spec": spec}, network)[0]["pid"])

    def remove(self, folder: str) -> None:
        """Removes a host's files, whoever inside owns them."""
        self._ask({"do": "remove", "folder": folder})

    def network(self) -> int:
        """A new empty network namespace, as a file descriptor: it lives as long as somebody holds it."""
        return self._ask({"do": "network"})[1][0]

    def _ask(self, request: dict[str, Any], *descriptors: int) -> tuple[dict[str, Any], list[int]]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                socket.send_fds(self._channel, [json.dumps(request).encode()], [theirs.fileno(), *descriptors])
            ours.settimeout(60)
            data, received, _, _ = socket.recv_fds(ours, _LIMIT, 1)
        answer = json.loads(data) if data else {"error": "the launcher's child died"}
        if "error" in answer:
            raise CloudError(f"{request['do']} failed: {answer['error']}")
        return answer, list(received)


def serve(channel: socket.socket) -> int:
    """The launcher's loop; ends when the server's end of `channel` is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
    become_inner_root()
    linux.preload()
    while True:
        data, descriptors, _, _ = socket.recv_fds(channel, _LIMIT, 4)
        if not data:
            return 0
        pid = os.fork()
        if pid == 0:
            channel.close()
            _child(json.loads(data), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _child(request: dict[str, Any], descriptors: list[int]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(fileno=descriptors[0]) as answer:
        try:
            _HANDLERS[request["do"]](request, answer, descriptors[1:])
        except BaseException as error:
            print(f"launcher: {request['do']}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            answer.send(json.dumps({"error": f"{error}" or type(error).__name__}).encode())
    os._exit(0)


def _boot(request: dict[str, Any], answer: socket.socket, descriptors: list[int]) -> None:
    pid = boot.boot(request["spec"], descriptors[0])
    answer.send(json.dumps({"pid": pid}).encode())


def _remove(request: dict[str, Any], answer: socket.socket, _: list[int]) -> None:
    shutil.rmtree(request["folder"], ignore_errors=False) if os.path.isdir(request["folder"]) else None
    answer.send(b"{}")


def _network(_: dict[str, Any], answer: socket.socket, __: list[int]) -> None:
    linux.unshare(linux.CLONE_NEWNET)
    descriptor = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    socket.send_fds(answer, [b"{}"], [descriptor])


_HANDLERS: dict[str, Callable[[dict[str, Any], socket.socket, list[int]], None]] = {
    "boot": _boot,
    "remove": _remove,
    "network": _network,
}
