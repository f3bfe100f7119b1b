"""Running a verb for a pipeline, and telling how it ended: in the log, in files, beside the code."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from baton.ci import surroundings
from baton.ci.annotating import annotations, written
from baton.ci.leaving import Files, Told, leave
from baton.ci.narrating import Narration, Sections, harmless, write
from baton.ci.surroundings import Surroundings
from baton.naming import environment_named
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.perform import Ended
from lifecycle.report.preview.text import preview_text


def told_of(verb: str, text: str, env: str, act: Callable[[str, Any], Any]) -> Told:
    """Run a verb and keep how it ended, well or not."""
    around = surroundings.found(os.environ)
    name = env or _named(text) or around.environment
    narration = Narration(around.system)
    try:
        ended, error = act(name, narration.view()), None
    except BatonError as failed:
        ended, error = getattr(failed, "ended", None), failed
    ref = ended.environment.ref if ended else _ref(text, name)
    words = f"{ref} does not stand: there is nothing to take down"
    return Told(verb, ref, around, ended, error, narration.seconds, words)


def _named(text: str) -> str:
    """The environment's name in `shop/dev`; empty for a blueprint's path."""
    blueprint, slash, name = text.partition("/")
    return name if slash and blueprint and name and not Path(text).exists() and "/" not in name else ""


def _ref(text: str, name: str) -> EnvironmentRef:
    """What is spoken of where no run began. A blueprint that cannot be read is named by its folder."""
    try:
        return environment_named(text, name)
    except BatonError:
        path = Path(text)
        return EnvironmentRef((path.parent if path.suffix else path.resolve()).name or "blueprint", name)


def show_preview(told: Told) -> None:
    """The preview in the log, in a section of its own."""
    if told.preview:
        sections = Sections(told.around.system, write)
        sections.begin(f"preview {told.preview['digest'][:12]}")
        for line in preview_text(told.preview):
            write(harmless(line))
        sections.end()


def end(told: Told, files: Files) -> None:
    """Leave the files, annotate what failed. Raises what made the run fail, after all is written."""
    leave(told, files)
    if told.error is not None:
        annotate(told.error, told.around, told.ended)
        raise told.error


def annotate(error: BatonError, around: Surroundings, ended: Ended | None = None) -> None:
    """Say in the log what failed, in the form that the CI system shows beside the code."""
    path = ended.environment.blueprint_path if ended else ""
    for one in annotations(error, Path(path) if path else None, ended):
        write(written(one, around))
