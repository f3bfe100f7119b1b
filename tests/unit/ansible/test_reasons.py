"""What a failed task's result becomes: one line that says why, and where the task stands."""

from pathlib import Path
from typing import Any

import pytest

from adapters.ansible.child import compact
from adapters.ansible.parse import HIDDEN, LONGEST, Reader, message
from lifecycle.scrub import Scrubber

NON_ZERO = "non-zero return code"


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": NON_ZERO, "rc": 3, "stderr": "a\nb\n\nc\n  d\n"}, "non-zero return code (exit 3): b | c | d"),
        ({"msg": NON_ZERO, "rc": 2, "stderr": "", "stdout": "no such unit"}, "non-zero return code (exit 2): no such unit"),
        ({"msg": NON_ZERO, "rc": 1, "stderr": "", "stdout": ""}, "non-zero return code (exit 1)"),
        ({"msg": "", "rc": 1, "stderr": "boom"}, "it ended with 1: boom"),
        ({"msg": "'apt-get install x' failed: E: none", "rc": 100, "stderr": "E: none\n"},
         "'apt-get install x' failed: E: none (exit 100)"),
        ({"msg": "Destination /x not writable", "stderr": "noise"}, "Destination /x not writable"),
        ({"msg": "MODULE FAILURE\nSee stdout/stderr for the exact error", "module_stderr": "KeyError: 'x'"},
         "MODULE FAILURE | See stdout/stderr for the exact error: KeyError: 'x'"),
        ({"msg": "", "module_stderr": "sh: python3: not found"}, "sh: python3: not found"),
        ({"msg": "", "exception": "Traceback\nValueError: no"}, "Traceback | ValueError: no"),
        ({"msg": "", "exception": "(traceback unavailable)"}, "it said nothing"),
        ({"msg": "", "rc": 0}, "it ended well, but its `failed_when` says that it failed"),
        ({"censored": "hidden", "rc": 1, "stderr": "word"}, HIDDEN),
        ({"msg": "One or more items failed", "failed_items": [{"item": "b", "msg": NON_ZERO, "rc": 9, "stderr": "no b"}]},
         "item b: non-zero return code (exit 9): no b"),
    ],
)  # fmt: skip
def test_a_result_says_why_it_failed(result: dict[str, Any], said: str) -> None:
    assert message(result) == said


def failed(folder: str, result: dict[str, Any], task_path: str, **more: Any) -> tuple[str, str]:
    """The event's text and the host's message."""
    said: list[str] = []
    reader = Reader(lambda kind, text, **_: said.append(text), folder=Path(folder), **more)
    reader.take({"event": "runner_on_failed", "host": "web-1", "task": "Try", "task_path": task_path, "res": result})
    (host,) = reader.results(["web-1"])
    return said[0], host.message


@pytest.mark.parametrize(
    ("task_path", "shown"),
    [
        ("/bp/play/site.yml:12", "site.yml:12"),
        ("/bp/play/roles/app/tasks/main.yml:3", "roles/app/tasks/main.yml:3"),
        ("/bp/roles/app/tasks/main.yml:3", "../roles/app/tasks/main.yml:3"),
        ("/usr/x.yml:7", "/usr/x.yml:7"),
    ],
)
def test_the_tasks_place_is_shown_from_the_playbooks_folder(task_path: str, shown: str) -> None:
    text, kept = failed("/bp/play", {"msg": NON_ZERO, "rc": 1, "stderr": "boom"}, task_path)
    assert kept == f"non-zero return code (exit 1): boom ({shown})"
    assert text == f"web-1: Try: {kept}"


def test_what_no_log_hides_stays_hidden_but_its_place_is_said() -> None:
    _, kept = failed("/bp", {"censored": "hidden", "stderr": "word"}, "/bp/site.yml:2")
    assert kept == "hidden by no_log (site.yml:2)"


def test_a_secret_is_masked_whole_though_a_cut_or_a_line_end_goes_through_it() -> None:
    secret = "first-half\nsecond-half"
    long = "x" * (LONGEST // 2 - 10) + secret + "y" * LONGEST
    for result in ({"msg": long}, {"msg": "", "rc": 1, "stderr": f"{secret}\na\nb"}):
        text, kept = failed("/bp", result, "/bp/site.yml:2", mask=lambda said: said.replace(secret, "***"))
        assert "half" not in text + kept
        assert len(kept) <= LONGEST + len(" (site.yml:2)")


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    said = message({"msg": f"begun {'x' * 900}", "rc": 4, "stderr": "the last word"})
    assert (said[:5], said[-13:], len(said) <= LONGEST) == ("begun", "the last word", True)


def test_a_secret_that_a_cut_of_a_large_result_goes_through_is_masked_in_halves() -> None:
    secret = "a-rather-long-secret-in-the-middle"
    text = "x" * 3980 + secret + "y" * 20_000 + secret + "z" * 3980
    kept = compact({"event": "runner_on_failed", "event_data": {"res": {"msg": text}}})["res"]["msg"]
    assert len(kept) < len(text)
    shown = Scrubber().masking([secret])(kept)
    assert "a-rather" not in shown
    assert "middle" not in shown
