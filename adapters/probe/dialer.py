"""Dialers: a connected socket from one place to an address, or a failure that says how it failed.

Every check that talks to a port works over such a socket, so each of them works the same from the controller, from
outside and from a host. A machine's own network may lie about what is there (sandboxes that accept TCP for any
unrouted address do): where such a network is in play, dial through the broker, whose answer comes from the place itself.
"""

from __future__ import annotations

import contextlib
import errno
import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from lifecycle.errors import BatonError


class DialFailed(BatonError):
    """The connection could not be made."""

    says_closed = False  # whether this failure is what `expect: closed` asks for
    word = "failed"


class Refused(DialFailed):
    """The port refused the connection."""

    says_closed = True
    word = "refused"


class Filtered(DialFailed):
    """Nothing answered in time: something drops the packets on the way."""

    says_closed = True
    word = "filtered"


class Unreachable(DialFailed):
    """There is no way to that address from here."""

    says_closed = True
    word = "unreachable"


class NameUnknown(DialFailed):
    """The name does not resolve."""

    word = "name unknown"


class VantageLost(DialFailed):
    """The place to look from cannot be used itself, so nothing is known about the address."""

    word = "no vantage"


class Link:
    """A connected socket, and what has to end together with it (an ssh process, say). A context manager."""

    def __init__(self, connected: socket.socket, end: Callable[[], None] = lambda: None) -> None:
        self.socket = connected
        self._end = end

    def start_tls(self, context: ssl.SSLContext, server_name: str) -> ssl.SSLSocket:
        """Speak TLS from here on; `socket` is the wrapped one afterwards. Raises ssl.SSLError or OSError."""
        wrapped = context.wrap_socket(self.socket, server_hostname=server_name)
        self.socket = wrapped
        return wrapped

    def shut(self) -> None:
        """Wake whoever is blocked in the socket. May be called from another thread, at any time."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        try:
            self.socket.close()
        finally:
            self._end()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Dialer(Protocol):
    """Connects from one place."""

    def dial(self, address: str, port: int, timeout: float) -> Link:
        """A blocking socket with `timeout` (seconds) set, connected to the address. Raises a DialFailed."""
        ...


_UNREACHABLE: Final = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL}


def failure_of(error: OSError, target: str) -> DialFailed:
    """What a failed connect means. Errors that say nothing about the target come back as a plain DialFailed."""
    if isinstance(error, TimeoutError):
        return Filtered(f"{target} did not answer in time (filtered)")
    if error.errno == errno.ECONNREFUSED:
        return Refused(f"{target} refused the connection")
    if error.errno in _UNREACHABLE:
        return Unreachable(f"{target} cannot be reached from here ({error.strerror})")
    return DialFailed(f"connecting to {target} failed: {error.strerror or error}")


@dataclass(frozen=True, slots=True)
class Direct:
    """Dials from this machine. Every address that a name resolves to is tried, within the one timeout."""

    def dial(self, address: str, port: int, timeout: float) -> Link:
        end = time.monotonic() + timeout
        try:
            found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameUnknown(f"{address} does not resolve: {getattr(error, 'strerror', error)}") from None
        failure: DialFailed = Filtered(f"{target(address, port)} did not answer in time (filtered)")
        for family, kind, protocol, _, place in found:
            left = end - time.monotonic()
            if left <= 0:
                break
            try:
                return Link(_connect(family, kind, protocol, place, left))
            except OSError as error:
                failure = failure_of(error, target(address, port))
        raise failure


def _connect(family: int, kind: int, protocol: int, place: object, timeout: float) -> socket.socket:
    connected = socket.socket(family, kind, protocol)
    try:
        connected.settimeout(timeout)
        connected.connect(place)  # type: ignore[arg-type]
    except BaseException:
        connected.close()
        raise
    return connected


def target(address: str, port: int) -> str:
    """`address:port` as people write it, IPv6 in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


_BROKER_WORDS: Final[dict[str, type[DialFailed]]] = {
    "refused": Refused,
    "timeout": Filtered,
    "unreachable": Unreachable,
    "name": NameUnknown,
}
_GRACE: Final = 1.0  # seconds on top of the dial's own timeout for the broker to say how it went


@dataclass(frozen=True, slots=True)
class Broker:
    """Dials from a place that only another process can reach, over its unix socket.

    One JSON line goes there: {"dial": place, "host": ..., "port": ..., "timeout": seconds}. One comes back:
    {"ok": true} with the connected descriptor (SCM_RIGHTS), or {"ok": false, "error": "refused" | "timeout" |
    "unreachable" | "name", "message": ...}. Any other error says nothing about the port.
    """

    socket_path: Path
    place: str = "outside"

    def dial(self, address: str, port: int, timeout: float) -> Link:
        try:
            answer, descriptors = self._ask(address, port, timeout)
        except (OSError, ValueError) as error:
            raise VantageLost(
                f"'{self.place}' cannot be dialled from: its broker did not answer ({error})",
                hint="is the local cloud up? `baton cloud up` starts it",
            ) from None
        if answer.get("ok") is True:
            if not descriptors:
                raise VantageLost(f"the broker of '{self.place}' says yes, and gives no connection")
            for extra in descriptors[1:]:
                socket.close(extra)
            connected = socket.socket(fileno=descriptors[0])
            connected.settimeout(timeout)
            return Link(connected)
        for descriptor in descriptors:
            socket.close(descriptor)
        word, message = str(answer.get("error", "")), str(answer.get("message", ""))
        kind = _BROKER_WORDS.get(word, DialFailed)
        known = kind in (Refused, Filtered)  # what the broker adds to these says the same again
        why = f" ({message})" if message and not known else ""
        raise kind(f"{target(address, port)} {kind.word} from {self.place}{why}")

    def _ask(self, address: str, port: int, timeout: float) -> tuple[dict[str, object], list[int]]:
        question = {"dial": self.place, "host": address, "port": port, "timeout": timeout}
        received, descriptors = b"", list[int]()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as broker:
            broker.settimeout(timeout + _GRACE)
            broker.connect(str(self.socket_path))
            broker.sendall(json.dumps(question).encode() + b"\n")
            while not received.endswith(b"\n"):
                data, passed, _, _ = socket.recv_fds(broker, 65536, 4)
                descriptors += passed
                if not data:
                    break
                received += data
        answer = json.loads(received or b"null")
        if not isinstance(answer, dict):
            raise ValueError(f"it said {received[:80]!r}")
        return answer, descriptors
