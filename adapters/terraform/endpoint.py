"""Whether anybody answers at the cloud's endpoint: before a command, which would wait for minutes, and while it runs.

The provider waits without end for an answer that does not come, and insists on a refused connection for 25 s.
"""

from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta
from types import TracebackType
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from lifecycle.ports import PartCancellation

SECONDS: Final = 10.0
"""How long one look waits for an answer: an emulator that makes hosts for an apply may be slow."""


def silence(endpoint: str, seconds: float = SECONDS) -> str:
    """Why nobody answers there; empty where somebody does, whatever the answer. Over TLS a connection has to do."""
    try:
        url = urlsplit(endpoint)
        address = (url.hostname or "", url.port or (443 if url.scheme == "https" else 80))
        with socket.create_connection(address, seconds) as peer:
            return "" if url.scheme == "https" or _answers(peer, url) else "the connection was closed without an answer"
    except socket.gaierror as error:
        return f"'{urlsplit(endpoint).hostname}' does not resolve ({error.strerror})"
    except TimeoutError:
        return f"no answer within {seconds:g} s"
    except (OSError, ValueError) as error:
        return str(error)


def _answers(peer: socket.socket, url: SplitResult) -> bool:
    peer.sendall(f"GET / HTTP/1.0\r\nHost: {url.netloc}\r\n\r\n".encode())
    return bool(peer.recv(1))


class Watch:
    """Stops a command when nobody has answered at the endpoint for as long as `patience`. `silent` says why; empty: it did not."""

    def __init__(self, endpoint: str, patience: timedelta, cancel: PartCancellation) -> None:
        self._endpoint, self._patience, self._cancel = endpoint, patience.total_seconds(), cancel
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="endpoint watch", daemon=True)
        self.silent = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def _look(self) -> None:
        answered = time.monotonic()
        while not self._over.wait(self._patience / 6):
            reason = silence(self._endpoint, min(SECONDS, self._patience / 3))
            if not reason:
                answered = time.monotonic()
            elif time.monotonic() - answered > self._patience and not self._over.is_set():
                self.silent = reason
                self._cancel.stop(f"{self._endpoint} has not answered for {self._patience:g} s")
                return
