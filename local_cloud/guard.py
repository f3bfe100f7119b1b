"""Who may call the API: it listens on loopback, where any user of the machine could, so a call must name our access key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

_CREDENTIAL = re.compile(r"Credential=([A-Za-z0-9_]+)(?:/|%2F)", re.IGNORECASE)
_REFUSED = (
    b"<?xml version='1.0' encoding='UTF-8'?><Response><Errors><Error><Code>AuthFailure</Code><Message>This call does not"
    b" carry the access key of the local cloud: take it from the cloud's cloud.json.</Message></Error></Errors>"
    b"<RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
)


class Guard:
    """A WSGI application around the API that answers 403 to calls without a key for which `known(key)` is true.

    The signature is not checked: the key is a random word that only the owner of cloud.json (0600) can read.
    """

    def __init__(self, application: Any, known: Callable[[str], bool]) -> None:
        self._application = application
        self._known = known

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        claim = f"{environ.get('HTTP_AUTHORIZATION', '')} {environ.get('QUERY_STRING', '')}"
        found = _CREDENTIAL.search(claim)
        if found and self._known(found.group(1)):
            answer: Iterable[bytes] = self._application(environ, start_response)
            return answer
        start_response("403 Forbidden", [("Content-Type", "text/xml"), ("Content-Length", str(len(_REFUSED)))])
        return [_REFUSED]
