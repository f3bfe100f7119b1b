"""Runs a foreign policy tool to its end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from adapters.process.runner import Command, run
from lifecycle.policy.broken import PolicyBroken

LONGEST: Final = timedelta(minutes=10)
"""A scanner takes minutes over a plan of 10,000 resources."""

_HANDED_ON: Final = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")


def answer(argv: Sequence[str], folder: Path, accepted: Sequence[int] = (0,)) -> bytes:
    """What a tool writes to stdout, run in a folder. Raises PolicyBroken with the end of its stderr.

    Its environment is no more than it needs: a policy may print it.
    """
    env = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    finished = run(Command(argv, folder, env), deadline=LONGEST)
    if finished.timed_out or finished.cancelled or finished.returncode not in accepted:
        said = short(finished.stderr or finished.stdout.decode(errors="replace"))
        why = f"took longer than {LONGEST}" if finished.timed_out else f"ended with {finished.returncode}: {said}"
        raise PolicyBroken(f"{Path(argv[0]).name} cannot judge: it {why}")
    return finished.stdout


def short(text: str) -> str:
    """A tool's words in one line, cut."""
    return " ".join(text.split())[:400]
