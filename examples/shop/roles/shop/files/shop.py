"""The shop: a page of products from the database, and who served it. Standard library and PyMySQL.

GET /          the products, how often each server was asked, and which one answers now; the visit is written down
GET /visits    the same count as JSON
GET /health    200 while the database answers, else 503: the host, the database's version, what this process was started with
"""

import contextlib
import hashlib
import html
import json
import sys
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pymysql

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<h1>{title}</h1>
<table>
{products}
</table>
<p>Answered by <b>{server}</b>. Visits so far: {visits}.</p>
</html>
"""


class Shop:
    """The shop on one server. Each request has a connection of its own: a database that was away is no trouble afterwards."""

    def __init__(self, settings: dict[str, Any], revision: str) -> None:
        self.server: str = settings["server"]
        self.title: str = settings["title"]
        self.revision = revision
        self._database: dict[str, Any] = settings["database"]

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        limits = {"connect_timeout": 3, "read_timeout": 5, "write_timeout": 5}
        connection = pymysql.connect(**self._database, **limits, autocommit=True, charset="utf8mb4")
        with connection, connection.cursor() as cursor:
            yield cursor

    def page(self) -> str:
        with self._cursor() as cursor:
            cursor.execute("INSERT INTO visit (server) VALUES (%s)", (self.server,))
            cursor.execute("SELECT name, price FROM product ORDER BY id")
            products = cursor.fetchall()
            visits = self._visits(cursor)
        rows = [f"<tr><td>{html.escape(name)}</td><td>{price}</td></tr>" for name, price in products]
        counted = ", ".join(f"{html.escape(server)} {count}" for server, count in visits.items())
        return PAGE.format(
            title=html.escape(self.title), products="\n".join(rows), server=html.escape(self.server), visits=counted
        )

    def visits(self) -> dict[str, int]:
        with self._cursor() as cursor:
            return self._visits(cursor)

    def _visits(self, cursor: Any) -> dict[str, int]:
        cursor.execute("SELECT server, COUNT(*) FROM visit GROUP BY server ORDER BY server")
        return dict(cursor.fetchall())

    def health(self) -> tuple[HTTPStatus, dict[str, Any]]:
        state: dict[str, Any] = {"status": "ok", "host": self.server, "revision": self.revision}
        try:
            with self._cursor() as cursor:
                cursor.execute("SELECT VERSION()")
                version = str(cursor.fetchone()[0])
        except pymysql.MySQLError as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, state | {"status": "no database", "error": str(error.args[-1])}
        series = ".".join(version.split(".")[:2])
        return HTTPStatus.OK, state | {"database": {"version": version, "series": series}}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    shop: Shop
    protocol_version = "HTTP/1.1"
    timeout = 65  # longer than the load balancer keeps a connection that it may use again

    def do_GET(self) -> None:
        try:
            match self.path.partition("?")[0]:
                case "/":
                    self._answer(HTTPStatus.OK, "text/html; charset=utf-8", self.shop.page())
                case "/visits":
                    self._answer(HTTPStatus.OK, "application/json", json.dumps(self.shop.visits()))
                case "/health":
                    status, state = self.shop.health()
                    self._answer(status, "application/json", json.dumps(state))
                case _:
                    self._answer(HTTPStatus.NOT_FOUND, "text/plain", "there is nothing here\n")
        except pymysql.MySQLError as error:
            self.log_error("database: %s", error)
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", "the database does not answer\n")

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Served-By", self.shop.server)
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if self.path != "/health":  # asked every second by the load balancer
            super().log_request(code, size)


class Server(ThreadingHTTPServer):
    """Takes bursts of connections."""

    request_queue_size = 128
    daemon_threads = True


def revision(*files: Path) -> str:
    """One digest over the files that decide what this process does, as the role computes it."""
    return hashlib.sha256("".join(hashlib.sha256(f.read_bytes()).hexdigest() for f in files).encode()).hexdigest()


def main(settings_file: str) -> None:
    path = Path(settings_file)
    settings = json.loads(path.read_text(encoding="utf-8"))
    Handler.shop = Shop(settings, revision(Path(__file__), path))
    with Server((settings["address"], settings["port"]), Handler) as server:
        sys.stderr.write(f"{settings['server']} listens on {settings['address']}:{settings['port']}\n")
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
