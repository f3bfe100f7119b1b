"""The look at an HTTP(S) answer, over a socket that a dialer made.

Redirects are not followed: a redirect is an answer, and `status` may ask for it. Certificates are always verified.
Latency is from the request to the answer's headers, without the way there, so that it means the same from everywhere.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping
from typing import Any, Final

from adapters.probe.dialer import Dialer, target
from adapters.probe.look import Budget, Look, Mask, milliseconds
from adapters.probe.spec import ANYTHING, HttpSpec
from adapters.probe.tls import HandshakeFailed, context_for, shake_hands

BODY_LIMIT: Final = 1 << 20
"""Bytes of an answer's body that are read; what comes after them is not looked at."""
SHOWN: Final = 200
"""Characters of the body that the evidence of a failure shows."""


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket that is connected already."""

    def __init__(self, spec: HttpSpec, connected: socket.socket) -> None:
        self.default_port = 443 if spec.secure else 80  # a Host header names any other
        super().__init__(spec.server_name, spec.port)
        self.sock = connected

    def connect(self) -> None:
        raise http.client.NotConnected("the server closed the connection before the request")


def look(spec: HttpSpec, dialer: Dialer, budget: Budget, mask: Mask) -> Look:
    """Whether the answer is what is asked for: status, body, latency."""
    context = context_for(spec.ca) if spec.secure else None
    with budget.dialled(dialer, spec.host, spec.port) as link:
        if context is not None:
            try:
                shake_hands(link, context, spec.server_name)
            except HandshakeFailed as failure:
                return Look(False, f"{target(spec.host, spec.port)}: {failure}")
        link.socket.settimeout(budget.left())
        try:
            return _exchange(spec, _Connection(spec, link.socket), mask)
        except http.client.HTTPException as error:
            return Look(False, f"{target(spec.host, spec.port)} did not answer in HTTP: {_words(error, mask)}")


def _words(error: http.client.HTTPException, mask: Mask) -> str:
    said = mask(str(error))[:SHOWN]
    return f"{type(error).__name__} {said!r}" if said else type(error).__name__


def _exchange(spec: HttpSpec, connection: _Connection, mask: Mask) -> Look:
    begun = time.monotonic()
    connection.request(spec.method, spec.path, headers={"User-Agent": "baton", "Connection": "close", **spec.headers})
    with connection.getresponse() as answer:
        latency = time.monotonic() - begun
        body = answer.read(BODY_LIMIT).decode(answer.headers.get_content_charset("utf-8"), errors="replace")
    facts = {"status": answer.status, "latency_seconds": round(latency, 4)}
    problems = [
        problem for problem in (_status(spec, answer), *_body(spec, mask, body), _slow(spec, latency)) if problem
    ]
    words = f"status {answer.status} in {milliseconds(latency)}"
    if problems:
        shown = f"; the body begins {mask(body)[:SHOWN]!r}" if body else "; the body is empty"
        return Look(False, f"{words}: {'; '.join(problems)}{shown}", facts)
    return Look(True, words, facts)


def _status(spec: HttpSpec, answer: http.client.HTTPResponse) -> str:
    if answer.status in spec.status:
        return ""
    wanted = " or ".join(str(code) for code in spec.status)
    where = answer.headers.get("Location")
    return f"wanted status {wanted}" + (f", and redirects (to {where}) are not followed" if where else "")


def _slow(spec: HttpSpec, latency: float) -> str:
    if spec.max_latency is None or latency <= spec.max_latency.total_seconds():
        return ""
    return f"wanted within {milliseconds(spec.max_latency.total_seconds())}"


def _body(spec: HttpSpec, mask: Mask, body: str) -> list[str]:
    problems = [spec.body.missing(body, "the body")]
    if spec.json is not ANYTHING:
        try:
            problems += [mask(words)[: 2 * SHOWN] for words in differences(spec.json, json.loads(body))]
        except ValueError as error:
            problems.append(f"the body is not JSON ({error})")
    return problems


def differences(wanted: Any, found: Any, path: str = "body") -> list[str]:
    """Where `found` does not hold what is wanted, in words.

    Of a mapping only the wanted keys count, at every depth; a wanted key with dots that is not there as it is leads
    into the depth (`status.database`). Lists are equal item by item, everything else by JSON's own equality.
    """
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping):
            return [f"{path} is not a mapping"]
        return [words for key, value in wanted.items() for words in _key_differences(str(key), value, found, path)]
    if isinstance(wanted, list | tuple) and isinstance(found, list) and len(wanted) == len(found):
        return [
            w for i, (a, b) in enumerate(zip(wanted, found, strict=True)) for w in differences(a, b, f"{path}[{i}]")
        ]
    if _same(wanted, found):
        return []
    return [f"{path} is {json.dumps(found)}, wanted {json.dumps(wanted, default=str)}"]


def _key_differences(key: str, wanted: Any, found: Mapping[str, Any], path: str) -> list[str]:
    if key in found:
        return differences(wanted, found[key], f"{path}.{key}")
    head, dot, rest = key.partition(".")
    if dot and isinstance(found.get(head), Mapping):
        return _key_differences(rest, wanted, found[head], f"{path}.{head}")
    return [f"{path}.{key} is not there"]


def _same(wanted: Any, found: Any) -> bool:
    """JSON's equality: true is not 1, but 1 is 1.0."""
    return isinstance(wanted, bool) == isinstance(found, bool) and bool(wanted == found)
