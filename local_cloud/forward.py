"""A port of this machine that leads into the cloud as from outside: for a browser, or for curl.

Every connection is the kernel's own, opened by the broker out of the network beyond the public addresses; bytes are handed on.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from local_cloud.errors import CloudError

LOOPBACK = "127.0.0.1"
_CHUNK = 1 << 16

Dial = Callable[[], socket.socket]
"""Opens one connection to the target. Raises CloudError."""


def parse(target: str) -> tuple[str, int]:
    """(address, port) of `198.18.0.11:443`. Raises CloudError."""
    host, colon, port = target.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise CloudError(f"{target!r} is no address with a port.", "Such as: baton cloud forward 198.18.0.11:443")
    return host, int(port)


def listen(port: int) -> socket.socket:
    """A listener on the loopback address; port 0 takes a free one. Raises CloudError where the port is taken."""
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise CloudError(f"{LOOPBACK}:{port}: {error.strerror}.", "Choose another with --port.") from error


def serve(listener: socket.socket, dial: Dial, say: Callable[[str], None]) -> None:
    """Hand on what comes, each connection in a thread of its own, until the listener is closed."""
    while True:
        try:
            visitor, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_hand_on, args=(visitor, dial, say), daemon=True).start()


def _hand_on(visitor: socket.socket, dial: Dial, say: Callable[[str], None]) -> None:
    with visitor:
        try:
            target = dial()
        except CloudError as error:
            say(error.message)
            return
        with target:
            back = threading.Thread(target=_pump, args=(target, visitor), daemon=True)
            back.start()
            _pump(visitor, target)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Bytes one way until the source has no more; then the sink is told so."""
    try:
        while data := source.recv(_CHUNK):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:  # one side went away: so does the other
        for side in (source, sink):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
