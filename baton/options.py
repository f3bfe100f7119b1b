"""Options that several verbs share."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import Parameter

from lifecycle.blueprint.scalars import DURATION_WORDS, parse_duration
from lifecycle.errors import BatonError, ExitCode

Blueprint = Annotated[
    str,
    Parameter(
        help="A blueprint's file or folder, a folder in git (git+https://HOST/REPOSITORY.git//FOLDER?ref=REF), or a bundle (store:NAME[@VERSION])."
    ),
]
Env = Annotated[str, Parameter(name=["--env", "-e"], help="Name of the environment.")]
Input = Annotated[
    list[str] | None, Parameter(name=["--input", "-i"], help="NAME=VALUE for an input of the blueprint.", negative="")
]
Json = Annotated[bool, Parameter(name="--json", help="One JSON object per line.", negative="")]
Yes = Annotated[bool, Parameter(name=["--yes", "-y"], help="Do not ask.", negative="")]
Wait = Annotated[
    bool | str,
    Parameter(
        name="--wait",
        help="Wait while another run holds the environment: up to a day, or as long as `--wait=10m` says.",
        metavar="DURATION",
        requires_equals=True,
        negative="",
    ),
]
OrphansOnly = Annotated[
    bool,
    Parameter(
        name="--orphans",
        help="Remove what carries Baton's tag and belongs to no environment that stands; with an environment, its own only.",
        negative="",
    ),
]
At = Annotated[
    str,
    Parameter(
        help="Not now, but then: the first `baton tick` after this time takes it down. `never` takes an appointment back.",
        metavar="TIME",
    ),
]
Zone = Annotated[str, Parameter(name="--tz", help="The time zone of --at, such as Europe/Berlin.", metavar="ZONE")]
Target = Annotated[str, Parameter(help="An environment as BLUEPRINT/NAME, or the path of its blueprint.")]


LONGEST_WAIT = timedelta(days=1)
"""What `--wait` alone means: a run that takes longer hangs."""


class BadInput(BatonError):
    """An --input is not NAME=VALUE."""

    exit_code = ExitCode.USAGE


def inputs(given: list[str] | None) -> Mapping[str, str]:
    """`["a=1"]` → {"a": "1"}; the blueprint's types are applied later. Raises BadInput."""
    pairs = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise BadInput(f"'{text}' is not an input", hint="write --input NAME=VALUE")
        pairs[name] = value
    return pairs


class BadMoment(BatonError):
    """A --since is neither a duration nor a time."""

    exit_code = ExitCode.USAGE


def moment(text: str, now: datetime) -> datetime:
    """`2h` → two hours before now; `2026-11-23` or `2026-11-23T10:00+01:00` → then, UTC where no zone is said. Raises BadMoment."""
    try:
        if (ago := parse_duration(text)) is not None:
            return now - ago
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        hint = "write how long ago (2h, 3d), or a date or time in ISO 8601: 2026-11-23, 2026-11-23T10:00Z"
        raise BadMoment(f"'{text}' is not a moment", hint=hint) from None


class BadWait(BatonError):
    """A --wait is not a duration."""

    exit_code = ExitCode.USAGE


def seconds(wait: bool | str) -> float:
    """How long to wait for another run. Raises BadWait."""
    if isinstance(wait, bool):
        return LONGEST_WAIT.total_seconds() if wait else 0
    duration = parse_duration(wait)
    if duration is None:
        raise BadWait(f"'{wait}' is no time to wait", hint=f"write --wait, or --wait= and {DURATION_WORDS}")
    return duration.total_seconds()
