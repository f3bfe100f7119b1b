"""Failures where a reviewer sees them: GitHub's annotations name the line of the blueprint, GitLab's log says it red."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baton.ci.surroundings import Surroundings, System
from lifecycle.blueprint import yaml12
from lifecycle.errors import BatonError
from lifecycle.journal import Kind
from lifecycle.perform import Ended
from lifecycle.recording import title


@dataclass(frozen=True, slots=True)
class Annotation:
    """One remark about a place. `line` 0: about the file, or about nothing in particular."""

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    title: str = ""
    level: str = "error"


def annotations(error: BatonError, blueprint: Path | None, ended: Ended | None) -> Iterator[Annotation]:
    """One for each problem of the blueprint or each step that failed; else one for the error itself."""
    problems = error.facts.get("problems")
    if problems:
        yield from (_of_problem(problem) for problem in problems)
        return
    file = str(blueprint) if blueprint else ""
    document = _document(blueprint)
    for outcome in ended.failures if ended else ():
        step = outcome.step
        line = _line(document, step.kind, step.subject)
        yield Annotation(outcome.message, file if line else "", line, title=title(step, ended.view) if ended else "")
    if ended is None or not ended.failures:
        yield Annotation(error.message, title="baton")


def _of_problem(problem: Mapping[str, Any]) -> Annotation:
    more = [problem["message"], f"expected {problem['expected']}" if problem["expected"] else "", problem["suggestion"]]
    words = "; ".join(filter(None, more))
    return Annotation(words, problem["file"], problem["line"], problem["column"], problem["path"] or "blueprint")


def _document(blueprint: Path | None) -> yaml12.Document | None:
    try:
        return yaml12.read(blueprint.read_text(encoding="utf-8")) if blueprint else None
    except (OSError, ValueError, yaml12.NotYaml):
        return None


def _line(document: yaml12.Document | None, kind: Kind, subject: str) -> int:
    """The line of what a step is about in the blueprint; 0 where it has none."""
    if document is None or not isinstance(document.data, dict):
        return 0
    name = subject.partition("@")[0]
    if kind in (Kind.CONFIGURE, Kind.VERIFY):
        path: tuple[str, ...] = ("configure",) if kind is Kind.CONFIGURE else ("verify", "checks")
        for number in range(len(_at(document.data, path) or ())):
            if (_at(document.data, (*path, number)) or {}).get("name") == name:
                return document.key_at((*path, number)).line
        return 0
    return document.key_at(("stacks", name)).line if ("stacks", name) in document.keys else 0


def _at(data: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def written(one: Annotation, around: Surroundings) -> str:
    """A line of the log: GitHub's workflow command, or `file:line: level: message` as compilers say it."""
    file = _below(one.file, around.root)
    if around.system is System.GITHUB:
        given = {"file": file, "line": one.line or "", "col": one.column or "", "title": one.title}
        words = ",".join(f"{key}={_property(str(value))}" for key, value in given.items() if value)
        return f"::{one.level} {words}::{_data(one.message)}"
    where = ":".join(filter(None, [file, str(one.line or ""), str(one.column or "")]))
    line = f"{one.level}: {one.title + ': ' if one.title else ''}{' '.join(one.message.split())}"
    line = f"{where}: {line}" if where else line
    return f"\x1b[31m{line}\x1b[0m" if around.system is System.GITLAB else line


def _below(file: str, root: str) -> str:
    if not file:
        return ""
    try:
        return str(Path(file).resolve().relative_to(Path(root).resolve())) if root else file
    except ValueError:
        return file


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
