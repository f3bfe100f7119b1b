"""A proxy in front of an AWS-compatible API that answers with faults when it is told to: 500, 429, silence, a broken connection."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Fault = int | str
"""An HTTP status, "hang" (no answer until the proxy ends) or "reset" (the answer never arrives, though the call was done)."""


@dataclass
class Faulty:
    """`url` is where it listens. `fault` says for every request (method, path and body) what goes wrong; None: nothing."""

    url: str = ""
    fault: Callable[[str], Fault | None] = lambda _: None
    met: list[tuple[Fault, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def fails(self, fault: Fault, when: str = "", times: int = 10**9) -> None:
        """Let the next `times` requests that contain this text fail."""
        self.met.clear()
        self.fault = lambda request: fault if when in request and len(self.met) < times else None

    def works(self) -> None:
        self.fault = lambda _: None


class Quiet(ThreadingHTTPServer):
    """A server that does not mind who hangs up."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        return None


@contextmanager
def faulty(target: str) -> Iterator[Faulty]:
    """A proxy in front of the API at this URL; it ends with the block."""
    proxy = Faulty()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            request = f"{self.command} {self.path} {body.decode(errors='replace')}"
            fault = proxy.fault(request)
            if fault is not None:
                proxy.met.append((fault, request))
            if fault == "hang":
                proxy.over.wait()
            elif isinstance(fault, int):
                self.answer(fault, "text/html", b"<html>something in between has a bad day</html>")
            else:
                status, kind, answer = self.passed_on(body)
                if fault != "reset":
                    self.answer(status, kind, answer)

        do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815

        def passed_on(self, body: bytes) -> tuple[int, str, bytes]:
            address = urlsplit(target)
            connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=120)
            try:
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                return answer.status, answer.getheader("Content-Type", ""), answer.read()
            finally:
                connection.close()

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return None

    server = Quiet(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, name="faulty", daemon=True).start()
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield proxy
    finally:
        proxy.over.set()
        server.shutdown()
        server.server_close()
