"""The lines of `plan -json` and `apply -json` on their way to whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.terraform.parse import diagnostic, message
from lifecycle.events import Level, Say
from lifecycle.plan import Diagnostic
from lifecycle.scrub import Scrubber

INTERRUPTED = "Interrupt received"
"""What Terraform says first when SIGINT or SIGTERM reaches it, whoever sent it."""
_DOING = {"create": "creating", "update": "changing", "delete": "destroying", "replace": "replacing"}
_DONE = {"create": "created", "update": "changed", "delete": "destroyed", "replace": "replaced"}


class Listener:
    """Takes line by line, says what people want to know, keeps diagnostics and what was completed."""

    def __init__(self, say: Say, source: Path, scrub: Scrubber) -> None:
        self._say, self._source, self._scrub = say, source, scrub
        self.diagnostics: list[Diagnostic] = []
        self.changed: list[str] = []
        self.outputs: Mapping[str, Any] | None = None  # as the end of an apply tells them; sensitive ones without value
        self.dump: Mapping[str, Any] | None = None  # the state, with its secrets, where it could be written nowhere
        self.interrupted = False  # it was told to stop: what fails from then on has failed for no reason of its own
        self.noise: list[str] = []  # lines that are not Terraform's: a provider that prints, a crash

    def __call__(self, line: str) -> None:
        found = message(line)
        if found is None:
            self.noise = [*self.noise[-50:], line]
            return
        match found["type"]:
            case "diagnostic":
                self.diagnostics.append(diagnostic(found["diagnostic"], self._source, self._scrub))
            case "apply_start":
                self._resource("resource.started", found["hook"], _DOING)
            case "log" if INTERRUPTED in str(found.get("@message", "")):
                self.interrupted = True
            case "apply_progress":
                self._resource("resource.progress", found["hook"], _DOING)
            case "log" if isinstance(found.get("state"), dict):  # "Emergency state dump"
                self.dump = found["state"]
            case "outputs":
                self.outputs = found["outputs"]
            case "apply_complete":
                self._resource("resource.finished", found["hook"], _DONE)
            case "apply_errored":
                self._resource("resource.failed", found["hook"], _DOING, level=Level.ERROR, suffix=" failed")
            case _:
                return

    def _resource(
        self,
        type: str,
        hook: Mapping[str, Any],
        words: Mapping[str, str],
        *,
        level: Level = Level.INFO,
        suffix: str = "",
    ) -> None:
        address = self._scrub.text(hook["resource"]["addr"])
        if hook.get("action") == "read":
            return  # looking is not doing
        if type == "resource.finished":
            self.changed.append(address)
        action = hook.get("action", "")
        identity = self._scrub.text(str(hook.get("id_value") or ""))
        seconds = hook.get("elapsed_seconds", 0)
        text = f"{address} {words.get(action, action)}{suffix}"
        text += f" [{identity}]" if identity and type == "resource.finished" else ""
        text += f" after {seconds} s" if seconds else ""
        data = {
            "address": address,
            "id": identity,
            "seconds": seconds,
            "action": action,
            "resource_type": hook["resource"].get("resource_type", ""),
        }
        self._say(type, text, level=level, **data)
