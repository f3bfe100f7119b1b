"""Which CI system this runs in, and for which change: read off the variables that it sets."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from lifecycle.errors import BatonError, ExitCode


class System(StrEnum):
    """CI systems whose logs and files are spoken."""

    GITHUB = "github"
    GITLAB = "gitlab"
    OTHER = "other"


class NoChange(BatonError):
    """This pipeline runs for no pull request, so its environment needs a name."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A job of a CI system."""

    system: System
    change: int | None = None  # number of the pull or merge request
    commit: str = ""
    job_url: str = ""
    root: str = ""  # of the checkout: annotations name files below it
    summary: str = ""  # file for the job's summary, Markdown
    outputs: str = ""  # file for the step's outputs
    actor: str = field(default="", repr=False)

    @property
    def environment(self) -> str:
        """`pr-17`. Raises NoChange."""
        if self.change is None:
            raise NoChange(hint="name it: --env NAME")
        return f"pr-{self.change}"


def found(environ: Mapping[str, str]) -> Surroundings:
    """The job that these variables tell of; a `System.OTHER` where they tell of none."""
    get = environ.get
    if get("GITHUB_ACTIONS"):
        url = f"{get('GITHUB_SERVER_URL', 'https://github.com')}/{get('GITHUB_REPOSITORY', '')}/actions/runs/"
        return Surroundings(
            System.GITHUB,
            _pull_request(environ),
            get("GITHUB_SHA", ""),
            url + get("GITHUB_RUN_ID", "") if get("GITHUB_RUN_ID") else "",
            get("GITHUB_WORKSPACE", ""),
            get("GITHUB_STEP_SUMMARY", ""),
            get("GITHUB_OUTPUT", ""),
            get("GITHUB_ACTOR", ""),
        )
    if get("GITLAB_CI"):
        return Surroundings(
            System.GITLAB,
            _number(get("CI_MERGE_REQUEST_IID")),
            get("CI_COMMIT_SHA", ""),
            get("CI_JOB_URL", ""),
            get("CI_PROJECT_DIR", ""),
            actor=get("GITLAB_USER_LOGIN", ""),
        )
    return Surroundings(System.OTHER)


def _pull_request(environ: Mapping[str, str]) -> int | None:
    """The event knows it best: once a pull request is merged, GITHUB_REF names the branch that it went into."""
    event = _event(environ.get("GITHUB_EVENT_PATH", ""))
    number = (event.get("pull_request") or {}).get("number")
    if number is None:
        named = re.fullmatch(r"refs/pull/(\d+)/(?:merge|head)", environ.get("GITHUB_REF", ""))
        number = named[1] if named else None
    return _number(number)


def _event(path: str) -> dict[str, Any]:
    try:
        event = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
    return event if isinstance(event, dict) else {}


def _number(text: object) -> int | None:
    return int(str(text)) if text is not None and re.fullmatch(r"[1-9]\d{0,9}", str(text)) else None
