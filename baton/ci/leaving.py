"""What a job leaves behind: JUnit, a comment for the pull request, the job's summary, and values for later jobs."""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from baton.ci.surroundings import Surroundings
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError, ExitCode
from lifecycle.perform import Ended
from lifecycle.report.comment import comment, marker, of_checks, of_failure, of_preview, of_urls
from lifecycle.report.junit import Case, cases, junit, of_error
from lifecycle.report.preview.fields import preview_fields
from lifecycle.report.tables import reached
from lifecycle.report.words import proof_text, summary


class NotWritten(BatonError):
    """A file that was asked for cannot be written."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where the files of a job go; None: nobody asked for it."""

    junit: Path | None = None
    comment: Path | None = None
    dotenv: Path | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """How one command of a pipeline ended."""

    verb: str
    ref: EnvironmentRef
    around: Surroundings
    ended: Ended | None = None
    error: BatonError | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    words: str = ""  # where there was nothing to run

    @property
    def cases(self) -> list[Case]:
        """Test cases; where the run told of none and went wrong, its error is one: no file is empty because of a failure."""
        known = list(cases(self.ended, self.seconds)) if self.ended else []
        if self.error is not None and not any(case.verdict in ("failure", "error") for case in known):
            known.append(of_error(f"baton ci {self.verb}", self.error))
        return known

    @property
    def preview(self) -> dict[str, Any] | None:
        """The preview's fields, where the run came to one."""
        reviewed = self.ended.view.observed.reviewed if self.ended else None
        return preview_fields(reviewed) if reviewed else None

    @property
    def values(self) -> dict[str, str]:
        """What later jobs may want to know, each on one line."""
        urls = list(reached(self.ended).values()) if self.ended else []
        return {
            "environment": str(self.ref),
            "digest": str((self.preview or {}).get("digest", "")),
            "approval": "needed" if self._waits else "",
            "phase": str((self.error.facts if self.error else {}).get("phase") or self._phase),
            "url": urls[0] if urls else "",
            "urls": " ".join(urls),
            "exit_code": str(int(self.error.exit_code)) if self.error else "0",
        }

    @property
    def _waits(self) -> bool:
        """Whether somebody has to approve the preview before it is carried out."""
        preview = self.preview
        refused = self.error is not None and self.error.exit_code is ExitCode.APPROVAL_NEEDED
        return bool(
            refused or (self.verb == "plan" and preview and preview["approval"]["reasons"] and not preview["denied"])
        )

    @property
    def _phase(self) -> str:
        return self.ended.environment.phase.value if self.ended else ""


def leave(told: Told, files: Files) -> None:
    """Write all that was asked for, and what the CI system asks for. Raises NotWritten."""
    if files.junit:
        _write(files.junit, junit(str(told.ref), told.cases))
    text = markdown(told)
    if files.comment:
        _write(files.comment, text)
    if told.around.summary:
        _append(Path(told.around.summary), text)
    if told.around.outputs:
        _append(Path(told.around.outputs), "".join(_output(name, value) for name, value in told.values.items()))
    if files.dotenv:
        _write(files.dotenv, dotenv(told.values))


def markdown(told: Told) -> str:
    """The comment and the job's summary."""
    parts: list[str] = []
    if told.preview and (told.verb == "plan" or told.error):
        parts += of_preview(told.preview, str(told.ref))
    parts += of_checks(told.cases)
    if told.error:
        parts += of_failure(told.error.message, told.error.hint)
    elif told.ended and told.verb == "up":
        parts += of_urls(list(reached(told.ended).values()))
    elif told.ended and told.verb == "down":
        parts.append("\n".join(f"- {line.strip()}" for line in list(proof_text(told.ended))[1:]))
    return comment(marker(str(told.ref)), _title(told), parts, _foot(told.around))


def _title(told: Told) -> str:
    if told.error:
        return f"### {told.ref}: {told.verb} ended with {int(told.error.exit_code)} ({told.error.exit_code.meaning})"
    if told.verb == "plan":
        return ""  # the preview has a heading of its own
    return f"### {summary(told.ended) if told.ended else told.words}"


def _foot(around: Surroundings) -> str:
    words = [
        f"commit {around.commit[:12]}" if around.commit else "",
        f"[job]({around.job_url})" if around.job_url else "",
    ]
    words.append(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    return f"<sub>{', '.join(filter(None, words))}</sub>"


def _output(name: str, value: str) -> str:
    """GitHub's form for values that may hold anything: a delimiter that nobody can guess."""
    end = f"end_{secrets.token_hex(8)}"
    return f"{name}<<{end}\n{value}\n{end}\n"


def dotenv(values: Mapping[str, str]) -> str:
    """GitLab's form: `BATON_CI_PHASE=ready`, without quotes, which it would keep."""
    return "".join(f"BATON_CI_{name.upper()}={_one_line(value)}\n" for name, value in values.items())


def _one_line(value: str) -> str:
    return re.sub(r"\s+", " ", value).strip()


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise NotWritten(f"{file} cannot be written: {error.strerror}") from None


def _append(file: Path, text: str) -> None:
    try:
        with file.open("a", encoding="utf-8", errors="replace") as out:
            out.write(text)
    except OSError as error:
        raise NotWritten(f"{file} cannot be written: {error.strerror}") from None


def parameters(given: Sequence[str]) -> dict[str, Any]:
    """`["blueprint=shop", "inputs={\\"web\\": 2}"]` → parameters of a flow; a value that is JSON is read as such. Raises ValueError."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ValueError(text)
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
