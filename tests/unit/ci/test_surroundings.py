"""Which job this is: by the variables that CI systems set."""

import json
from pathlib import Path
from typing import Any

import pytest

from baton.ci.surroundings import NoChange, System, found
from lifecycle.environment import checked_name


def event(tmp_path: Path, content: Any) -> dict[str, str]:
    path = tmp_path / "event.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path)}


def test_a_pull_request_names_its_environment(tmp_path: Path) -> None:
    around = found({"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/pull/17/merge"})
    assert around.environment == "pr-17"
    assert checked_name(around.environment) == "pr-17"
    assert found({"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "4"}).environment == "pr-4"


def test_the_event_knows_the_number_when_the_branch_is_merged(tmp_path: Path) -> None:
    environ = event(tmp_path, {"pull_request": {"number": 18}}) | {"GITHUB_REF": "refs/heads/main"}
    assert found(environ).environment == "pr-18"


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pull_request": null}', '{"pull_request": {"number": "17; rm"}}'])
def test_an_event_that_says_nothing_is_no_pull_request(tmp_path: Path, content: str) -> None:
    with pytest.raises(NoChange, match="needs a name"):
        _ = found(event(tmp_path, content) | {"GITHUB_REF": "refs/heads/main"}).environment


def test_elsewhere_nothing_is_assumed() -> None:
    around = found({"CI": "true", "GITHUB_REF": "refs/pull/17/merge"})
    assert (around.system, around.change, around.summary) == (System.OTHER, None, "")
