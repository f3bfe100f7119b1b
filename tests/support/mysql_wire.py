"""As much of a MySQL server as it takes to log in and to answer one query. For machines without the real one.

It speaks the protocol (handshake v10, mysql_native_password, text result set) as its documentation gives it, and checks
the password for real.
"""

import hashlib
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.servers import ADDRESS

_CAPABILITIES = 0x0008_F7DF & ~0x800  # everything ordinary, plugin authentication, no TLS
_OK = b"\x00\x00\x00\x02\x00\x00\x00"
_EOF = b"\xfe\x00\x00\x02\x00"


@contextmanager
def server(user: str, password: str, row: tuple[str | None, ...]) -> Iterator[int]:
    """The port of a server that lets one user in and answers every SELECT with one row of texts."""
    with socket.socket() as listening:
        listening.bind((ADDRESS, 0))
        listening.listen()

        def accept() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                with peer:
                    _serve(peer, user, password, row)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _serve(peer: socket.socket, user: str, password: str, row: tuple[str | None, ...]) -> None:
    salt = bytes(b % 94 + 33 for b in os.urandom(20))
    low, high = _CAPABILITIES & 0xFFFF, _CAPABILITIES >> 16
    greeting = b"\x0a8.0.0-test\0" + struct.pack("<I", 1) + salt[:8] + b"\0" + struct.pack("<HBHH", low, 45, 2, high)
    _send(peer, 0, greeting + b"\x15" + b"\0" * 10 + salt[8:] + b"\0mysql_native_password\0")
    answer = _receive(peer)
    name, _, rest = answer[32:].partition(b"\0")
    if name.decode() != user or rest[1 : 1 + rest[0]] != _scramble(password, salt):
        _send(peer, 2, _error(1045, f"Access denied for user '{name.decode()}'@'{ADDRESS}' (using password: YES)"))
        return
    _send(peer, 2, _OK)
    while (command := _receive(peer)) and command[0] == 3:
        query = command[1:].decode().upper()
        if not query.startswith("SELECT"):
            _send(peer, 1, _OK)
        elif "NOWHERE" in query:
            _send(peer, 1, _error(1146, "Table 'app.nowhere' doesn't exist"))
        else:
            _result(peer, row)


def _result(peer: socket.socket, row: tuple[str | None, ...]) -> None:
    column = b"\x03def" + b"\0" * 3 + b"\x01c" + b"\x01c" + b"\x0c" + struct.pack("<HIBHBH", 45, 255, 253, 0, 0, 0)
    packets = [bytes([len(row)]), *(column for _ in row), _EOF]
    packets += [b"".join(b"\xfb" if v is None else bytes([len(v.encode())]) + v.encode() for v in row), _EOF]
    for number, packet in enumerate(packets, start=1):
        _send(peer, number, packet)


def _scramble(password: str, salt: bytes) -> bytes:
    once = hashlib.sha1(password.encode()).digest()
    mixed = hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()
    return bytes(a ^ b for a, b in zip(once, mixed, strict=True))


def _error(code: int, words: str) -> bytes:
    return b"\xff" + struct.pack("<H", code) + b"#42000" + words.encode()


def _send(peer: socket.socket, number: int, packet: bytes) -> None:
    peer.sendall(struct.pack("<I", len(packet))[:3] + bytes([number]) + packet)


def _receive(peer: socket.socket) -> bytes:
    try:
        head = peer.recv(4, socket.MSG_WAITALL)
        return peer.recv(int.from_bytes(head[:3], "little"), socket.MSG_WAITALL) if len(head) == 4 else b""
    except OSError:
        return b""
