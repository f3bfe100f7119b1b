"""A comment replaces the one that an earlier job left, on a server that speaks as GitHub and GitLab do."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from baton.ci.commenting import NoComment, NotHere, thread
from baton.ci.surroundings import Surroundings, found

MARK = "<!-- baton: shop/pr-17 -->"


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


@pytest.fixture
def forge() -> Iterator[Forge]:
    one = Forge()
    try:
        yield one
    finally:
        one.server.shutdown()
        one.server.server_close()


def environ(system: str, forge: Forge) -> dict[str, str]:
    if system == "github":
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REF": "refs/pull/17/merge",
            "GITHUB_API_URL": forge.url,
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_TOKEN": "t0ken",
        }
    return {
        "GITLAB_CI": "true",
        "CI_MERGE_REQUEST_IID": "17",
        "CI_API_V4_URL": forge.url,
        "CI_PROJECT_ID": "9",
        "GITLAB_TOKEN": "t0ken",
    }


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_the_second_comment_replaces_the_first_among_hundreds(forge: Forge, system: str) -> None:
    given = environ(system, forge)
    put = thread(found(given), given).put
    forge.comments = {n: f"number {n}\n{MARK}" for n in range(1, 151)}
    assert put(f"{MARK}\n\nfirst\n") == "written"
    assert put(f"{MARK}\n\nsecond\n") == "replaced"
    assert put("<!-- baton: shop/pr-18 -->\n\nother\n") == "written"
    assert [text for n, text in sorted(forge.comments.items()) if n > 150] == [
        f"{MARK}\n\nsecond\n",
        "<!-- baton: shop/pr-18 -->\n\nother\n",
    ]
    assert forge.tokens == {"Bearer t0ken" if system == "github" else "t0ken"}


def test_a_refusal_is_said_without_the_token(forge: Forge) -> None:
    given = environ("github", forge)
    forge.refuse = 403
    with pytest.raises(NoComment, match="403") as caught:
        thread(found(given), given).put("x")
    assert "write to pull requests" in caught.value.hint
    assert "t0ken" not in f"{caught.value.message} {caught.value.hint}"


def test_without_a_token_or_a_request_nothing_is_sent(forge: Forge) -> None:
    given = environ("gitlab", forge)
    del given["GITLAB_TOKEN"]
    with pytest.raises(NotHere, match="GITLAB_TOKEN is not set"):
        thread(found(given), given)
    with pytest.raises(NotHere, match="no pull request"):
        thread(Surroundings(found(given).system), given)
