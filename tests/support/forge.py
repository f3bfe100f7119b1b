"""A server that keeps comments of a pull request and speaks of them as GitHub and GitLab do."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Forge:
    """Comments of one request, behind the two APIs."""

    def __init__(self) -> None:
        self.comments: dict[int, str] = {}
        self.tokens: set[str] = set()
        self.refuse = 0
        forge = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                forge.tokens.add(self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or "")
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else {}
                status, said = forge.handle(self.command, self.path, body)
                data = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_PUT = answer  # noqa: N815

            def log_message(self, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def handle(self, method: str, path: str, body: dict[str, str]) -> tuple[int, Any]:
        if self.refuse:
            return self.refuse, {"message": "no"}
        where, _, query = path.partition("?")
        listings = ("/repos/o/r/issues/17/comments", "/projects/9/merge_requests/17/notes")
        if where in listings and method == "GET":
            asked = dict(pair.split("=") for pair in query.split("&"))
            begin = (int(asked["page"]) - 1) * int(asked["per_page"])
            known = sorted(self.comments.items())[begin : begin + int(asked["per_page"])]
            return 200, [{"id": number, "body": text} for number, text in known]
        if where in listings and method == "POST":
            self.comments[len(self.comments) + 1] = body["body"]
            return 201, {}
        one = int(where.rpartition("/")[2])
        right = {"/repos/o/r/issues/comments/": "PATCH", "/projects/9/merge_requests/17/notes/": "PUT"}
        if right.get(where.removesuffix(str(one))) == method:
            self.comments[one] = body["body"]
            return 200, {}
        return 404, {}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
