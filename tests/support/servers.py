"""Servers on loopback to look at: HTTP(S) that answers as told, ports that are closed, silent or filtered, certificates."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    """What the server says; `wait` holds it back until it is set."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: threading.Event | None = None


@dataclass
class HttpServer:
    """A running server: its port, and the requests that it saw as (method, path, headers)."""

    port: int
    requests: list[tuple[str, str, dict[str, str]]]

    def url(self, path: str = "/", scheme: str = "http", host: str = ADDRESS) -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@contextmanager
def http_server(answer: Callable[[str], Answer], context: ssl.SSLContext | None = None) -> Iterator[HttpServer]:
    """Answers every request by asking for an answer to its path."""
    requests: list[tuple[str, str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            requests.append((self.command, self.path, dict(self.headers.items())))
            said = answer(self.path)
            if said.wait is not None:
                said.wait.wait(30)
            try:
                self.send_response(said.status)
                for name, value in {"Content-Length": str(len(said.body)), **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(said.body)
            except OSError:
                pass  # whoever asked is gone

        do_GET = do_HEAD = do_POST = handle_any  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:
            """Tests read `requests`."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that turns away in the handshake is part of the tests."""

    server = Server((ADDRESS, 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield HttpServer(server.server_port, requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextmanager
def listener(backlog: int = 16) -> Iterator[socket.socket]:
    """A port that accepts and never says a word."""
    with socket.socket() as listening:
        listening.bind((ADDRESS, 0))
        listening.listen(backlog)
        yield listening


@contextmanager
def filtered_port() -> Iterator[int]:
    """A port that answers nothing at all: its queue is full, so the kernel drops what comes (as a firewall does)."""
    with listener(0) as listening, ExitStack() as held:
        for _ in range(4):
            client = held.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind((ADDRESS, 0))
        return int(bound.getsockname()[1])


class Authority:
    """A certificate authority of the test's own, made with openssl."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate = folder / "ca.pem"
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-subj", f"/CN={name}", "-keyout", "ca.key", "-out", "ca.pem",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip

    def context(self, *names: str, days: int = 30) -> ssl.SSLContext:
        """A server's context with a certificate for these names (`DNS:web.test`, `IP:127.0.0.1`); days may be negative."""
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=server",
            "-keyout", "server.key", "-out", "server.csr",
        )  # fmt: skip
        (self.folder / "extensions").write_text(f"subjectAltName={','.join(names)}\n")
        self._openssl(
            "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", str(days), "-extfile", "extensions", "-out", "server.pem",
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        return context

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, check=False, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, done.stderr
