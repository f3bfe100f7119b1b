"""What a run prints, when nobody reads it any more: a worker that is killed takes the pipe with it, and the run goes on."""

import logging
import os
import sys

from rich.console import Console


def outlive_its_reader() -> None:
    """Let the engine's handlers print into nothing once their reader is gone. Left alone, they end the whole process with it."""
    known = (logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger))
    for handler in (handler for logger in (logging.root, *known) for handler in logger.handlers):
        console = getattr(handler, "console", None)
        if isinstance(console, Console):
            console.on_broken_pipe = _into_nothing  # type: ignore[method-assign]


def _into_nothing() -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nothing, stream.fileno())
    os.close(nothing)
