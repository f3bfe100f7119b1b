"""What can be wrong with a blueprint, said so that it can be mended: where, what, what was expected, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TypeAlias

from lifecycle.errors import BatonError, ExitCode

Path: TypeAlias = tuple[str | int, ...]
"""Where a value is: the keys and indexes that lead to it from the top."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. Lines and columns count from 1. `expected` and `suggestion` may be empty."""

    file: str
    line: int
    column: int
    path: str
    message: str
    expected: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        """`file:line:column: path: message, expected …; suggestion`, as editors and terminals read it."""
        where = f"{self.file}:{self.line}:{self.column}: " + (f"{self.path}: " if self.path else "")
        expected = f", expected {self.expected}" if self.expected else ""
        return where + self.message + expected + (f"; {self.suggestion}" if self.suggestion else "")


class BlueprintInvalid(BatonError):
    """The blueprint, or a file that it names, is not valid. `problems` are all of them, in the order of the file."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: Iterable[Problem], what: str = "blueprint") -> None:
        self.problems = tuple(problems)
        self.what = what
        count = len(self.problems)
        super().__init__(
            f"the {what} has {count} problem{'s' if count != 1 else ''}:\n" + "\n".join(map(str, self.problems)),
            facts={"problems": [asdict(problem) for problem in self.problems]},
        )

    def __reduce__(self) -> tuple[type[BlueprintInvalid], tuple[tuple[Problem, ...], str]]:
        return type(self), (self.problems, self.what)


def dotted(path: Path) -> str:
    """A path as people write it: `verify.checks[0].http`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def did_you_mean(word: str, known: Iterable[str], before: str = "", after: str = "") -> str:
    """`did you mean 'x'?` for the most similar known word, with what stands around it; empty when none is similar."""
    close = difflib.get_close_matches(word, list(known), 1, 0.6)
    return f"did you mean '{before}{close[0]}{after}'?" if close else ""
