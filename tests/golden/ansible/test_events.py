"""Event streams of real runs (compact, as child.py writes them) → what a run says, and how each host came out.

Each case in cases/ has the playbook that it was recorded with, on two hosts, by ansible-core 2.19.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.ansible.parse import Reader
from lifecycle.configuration import HostResult

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_run_is_read_as_it_was(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    said: list[list[str]] = []

    def say(type: str, message: str, **data: Any) -> None:
        if type != "task.started":
            said.append([type, message])

    reader = Reader(say)
    for event in case["events"]:
        reader.take(event)

    assert said == case["says"]
    assert [plain(result) for result in reader.results(case["hosts"])] == case["results"]


def plain(result: HostResult) -> dict[str, Any]:
    return {name: value for name in HostResult.__slots__ if (value := getattr(result, name))}


def test_there_are_cases() -> None:
    assert len(CASES) > 10


def test_secrets_are_masked_in_everything_that_is_said_and_kept() -> None:
    said: list[str] = []

    def say(type: str, message: str, **data: Any) -> None:
        said.append(f"{message} {data}")

    reader = Reader(say, mask=lambda text: text.replace("hunter22", "***"))
    event = {"host": "web-1", "task": "Log in as hunter22", "res": {"msg": "bad password hunter22", "rc": 1}}
    for kind in ("runner_on_failed", "runner_on_unreachable", "runner_on_ok", "playbook_on_task_start"):
        reader.take({"event": kind, **event})
    reader.take({"event": "verbose", "stdout": "[WARNING]: hunter22 is weak"})
    reader.take({"event": "playbook_on_play_start", "name": "hunter22", "pattern": "web"})
    (result,) = reader.results(["web-1"])
    assert "hunter22" not in " ".join([*said, reader.said, result.task, result.message])
    assert "***" in result.message


def test_a_run_without_statistics_makes_nobody_well() -> None:
    reader = Reader(lambda *_, **__: None)
    reader.take({"event": "runner_on_ok", "host": "web-1", "task": "Look", "res": {"changed": False}})
    reader.take({"event": "finished", "rc": 254, "status": "canceled"})
    (result,) = reader.results(["web-1"])
    assert not result.status.good
    assert "stopped" in result.message
