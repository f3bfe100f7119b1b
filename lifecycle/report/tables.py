"""What a run ended with, as tables and links: rows of plain values, for pages that show them."""

from collections.abc import Iterator, Mapping
from typing import Any

from lifecycle.blueprint.references import ReferenceUnresolved
from lifecycle.desired import Goal
from lifecycle.perform import Ended
from lifecycle.report.fields import host_fields
from lifecycle.view import View

_WEB = ("http://", "https://")


def hosts_rows(ended: Ended) -> list[dict[str, Any]]:
    """A row per host that is ready."""
    fields = (host_fields(h) for h in sorted(ended.view.ready_hosts.values(), key=lambda h: (h.stack, h.name)))
    return [
        {
            "host": f["name"],
            "stack": f["stack"],
            "groups": ", ".join(f["groups"]),
            "private": f.get("private_address", ""),
            "public": f.get("public_address", ""),
            "id": f["id"],
        }
        for f in fields
    ]


def checks_rows(ended: Ended) -> list[dict[str, Any]]:
    """A row per check that this run looked at."""
    return [
        {"check": name, "result": "passed" if c.passed else "FAILED", "evidence": c.summary, "looks": c.attempts}
        for name, c in sorted(ended.view.observed.checks.items())
    ]


def reached(ended: Ended) -> Mapping[str, str]:
    """Where to find what this run brought up, by name; empty where it did not come to its end, or took something down."""
    return links(ended.view) if ended.complete and ended.view.desired.goal is Goal.UP else {}


def links(view: View) -> Mapping[str, str]:
    """Addresses of what was built, by name; the first is the one to open.

    Outputs whose value is a URL, those named `url` first; where there is none, what the http checks from outside ask.
    """
    return dict(_outputs(view)) or dict(_asked(view))


def _outputs(view: View) -> Iterator[tuple[str, str]]:
    found = [
        (stack, name, output.value)
        for stack, settled in view.observed.settled.items()
        for name, output in settled.outputs.items()
        if not output.sensitive and isinstance(output.value, str) and output.value.startswith(_WEB)
    ]
    for stack, name, value in sorted(found, key=lambda one: (one[1] != "url", one[0], one[1])):
        yield f"{stack}.{name}", value


def _asked(view: View) -> Iterator[tuple[str, str]]:
    for check in view.desired.checks.values():
        if check.kind != "http" or check.vantage != "outside":
            continue
        try:
            url = view.resolve(check.spec.get("url"))
        except ReferenceUnresolved:
            continue
        if isinstance(url, str) and url.startswith(_WEB):
            yield check.name, url
