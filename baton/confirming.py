"""Asking a person before something is gone."""

import sys

from rich.prompt import Confirm

from baton import console


def confirmed(question: str, *, alone: bool = True) -> bool:
    """Ask a person; without one to ask (a pipe, CI) `alone` is the answer: there the command line itself is the word."""
    if not (sys.stdin.isatty() and console.err.is_terminal):
        return alone
    return Confirm.ask(question, console=console.err, default=False)
