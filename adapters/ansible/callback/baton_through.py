"""An Ansible callback plugin that says how far a playbook came: what Ansible's statistics leave out.

A host that a play dropped because of *another* host's failure (any_errors_fatal, run_once, max_fail_percentage) counts as ok in
the statistics, and so does a host whose later plays or batches were never begun. Whoever asks "is this host configured?"
needs to know. Writes one JSON object to the file that BATON_THROUGH names, when the playbook ends:

    {"removed": [host, …], "plays": number in the playbook, "started": number begun, "serial": whether the last one begun
     works in batches, "last": [host that the last one worked on, …]}
"""

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: baton_through
type: aggregate
short_description: Says how far a playbook came
description: [Writes a JSON file that names the hosts that were dropped, and counts the plays.]
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Keeps the plays that were begun; Ansible notes in each which hosts it dropped."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "baton_through"

    def __init__(self) -> None:
        super().__init__()
        self._planned = 0
        self._begun: list[Any] = []
        self._hosts: set[str] = set()

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._planned = len(playbook.get_plays())

    def v2_playbook_on_play_start(self, play: Any) -> None:
        if not self._begun or _id(self._begun[-1]) != _id(play):  # the same again is its next batch
            self._hosts = set()
        self._begun.append(play)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._hosts.add(host.get_name())

    def v2_playbook_on_stats(self, stats: Any) -> None:
        path = os.environ.get("BATON_THROUGH")
        if not path:
            return
        last = self._begun[-1] if self._begun else None
        said = {
            "removed": sorted({name for play in self._begun for name in play._removed_hosts}),
            "plays": self._planned,
            "started": len({_id(play) for play in self._begun}),
            "serial": bool(last is not None and last.serial),
            "last": sorted(self._hosts),
        }
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(said, file)


def _id(play: Any) -> str:
    """The same for all batches of a play (ansible-runner's own plugin numbers them: `uuid_2`)."""
    return str(play._uuid).partition("_")[0]
