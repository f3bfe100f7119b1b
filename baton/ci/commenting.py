"""Puts a comment under a pull or merge request, in place of the one that an earlier job left there.

The address and the number come from the CI system's variables, the token from `GITHUB_TOKEN` or `GITLAB_TOKEN`: it is on no
command line and in no message.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from baton.ci.surroundings import Surroundings, System
from lifecycle.errors import BatonError, ExitCode

PAGE: Final = 100
"""Comments that both systems give at once at most."""
PATIENCE: Final = 30.0
"""Seconds for one answer."""


class NoComment(BatonError):
    """The comment could not be put under the pull request."""


class NotHere(BatonError):
    """There is no pull request to comment on, or no token to do it with."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Thread:
    """The comments of one pull or merge request."""

    listing: str  # URL of all of them
    one: str  # URL of one of them, with `{id}`
    update: str  # HTTP method that changes one
    headers: Mapping[str, str]

    def put(self, text: str) -> str:
        """`replaced` or `written`. The first line is the marker by which the old one is known. Raises NoComment."""
        mark = text.partition("\n")[0]
        body = {"body": text}
        for known in self._all():
            if str(known.get("body", "")).partition("\n")[0].rstrip("\r") == mark:
                self._ask(self.one.format(id=known["id"]), self.update, body)
                return "replaced"
        self._ask(self.listing, "POST", body)
        return "written"

    def _all(self) -> Iterator[dict[str, Any]]:
        page = 1
        while found := self._ask(f"{self.listing}?per_page={PAGE}&page={page}", "GET"):
            yield from found
            if len(found) < PAGE:
                return
            page += 1

    def _ask(self, url: str, method: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": "application/json", "User-Agent": "baton"}
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  the CI system's own address
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            hint = "may the token write to pull requests?" if error.code in (401, 403, 404) else ""
            raise NoComment(f"{method} {url}: {error.code} {error.reason}", hint=hint) from None
        except (OSError, ValueError) as error:
            raise NoComment(f"{method} {url}: {error}") from None


def thread(around: Surroundings, environ: Mapping[str, str]) -> Thread:
    """The comments of the request that this job runs for. Raises NotHere."""
    if around.system is System.OTHER or around.change is None:
        raise NotHere("this job runs for no pull request", hint="run it in a pipeline of a pull or merge request")
    token = environ.get("GITHUB_TOKEN" if around.system is System.GITHUB else "GITLAB_TOKEN", "")
    if not token:
        name = "GITHUB_TOKEN" if around.system is System.GITHUB else "GITLAB_TOKEN"
        raise NotHere(
            f"{name} is not set", hint="hand it to this step as a variable: it must be able to write comments"
        )
    if around.system is System.GITHUB:
        api = environ.get("GITHUB_API_URL", "https://api.github.com")
        base = f"{api}/repos/{environ.get('GITHUB_REPOSITORY', '')}/issues"
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
        return Thread(f"{base}/{around.change}/comments", f"{base}/comments/{{id}}", "PATCH", headers)
    api = environ.get("CI_API_V4_URL", "https://gitlab.com/api/v4")
    base = f"{api}/projects/{environ.get('CI_PROJECT_ID', '')}/merge_requests/{around.change}/notes"
    return Thread(base, base + "/{id}", "PUT", {"PRIVATE-TOKEN": token})
