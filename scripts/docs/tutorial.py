"""Runs the commands of a page, and compares what they print with what the page says they print.

A block ```` ```sh run ```` is run by bash; `exit=6` beside it says how it must end. A block ```` ```text expect ```` after it holds lines
that must stand in what it printed, in any order; a line `...` stands for others. Times, ids, addresses and dates may differ.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FENCE: Final = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CHANGING: Final = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DATE"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"\bi-[0-9a-f]{17}\b", "ID"),
    (r"\b(198\.18|10\.[12])\.\d+\.\d+\b", "ADDRESS"),
    (r"\b(\d+m )?\d+(\.\d+)? ?(ms|s|m)\b", "DURATION"),
    (r"(?<= )([pAwdCvD?])\1*(?= )", "BAR"),
    (r"\s+", " "),
)
DEADLINE: Final = 600.0


@dataclass(frozen=True, slots=True)
class Block:
    """Commands to run, how they must end, and lines that they must print."""

    script: str
    code: int = 0
    expected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """How a block ended, with both outputs as one text."""

    code: int
    output: str


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page that are to be run, in order."""
    current: Block | None = None
    for language, words, body in _FENCE.findall(page):
        if language == "sh" and "run" in words.split():
            if current:
                yield current
            ending = re.search(r"exit=(\d+)", words)
            current = Block(body, int(ending[1]) if ending else 0)
        elif language == "text" and "expect" in words.split() and current:
            lines = (line.strip() for line in body.splitlines())
            yield Block(current.script, current.code, tuple(line for line in lines if line not in ("", "...")))
            current = None
    if current:
        yield current


def run(block: Block, directory: Path, environ: Mapping[str, str]) -> Ran:
    """Run a block. Its output goes to a pipe, so progress comes as plain lines; tables are 100 columns wide."""
    done = subprocess.run(
        ["bash", "-euc", block.script],
        cwd=directory,
        env={**os.environ, **environ, "COLUMNS": "100", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode  # as a shell tells a signal
    return Ran(code, done.stdout)


def problems(block: Block, ran: Ran) -> list[str]:
    """What differs from the page, in words."""
    said = [steady(line) for line in ran.output.splitlines()]
    found = [f"the page says '{line}'" for line in block.expected if steady(line) not in said]
    if ran.code != block.code:
        found.append(f"it ended with {ran.code}, and the page says {block.code}")
    return found


def steady(line: str) -> str:
    """A line without what differs from run to run."""
    for pattern, word in _CHANGING:
        line = re.sub(pattern, word, line)
    return line.strip()
