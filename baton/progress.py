"""What a person or a program sees while a run works: a live view, plain lines, or JSON lines."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from baton import console
from lifecycle.events import Event, Level
from lifecycle.ports import EventSink

EVERY: Final = 0.125
"""Seconds between two looks at what is in flight."""


@contextmanager
def showing(*, as_json: bool = False, quiet: bool = False) -> Iterator[EventSink]:
    """A sink that shows events in the way that fits: JSON lines on stdout, a live view on a terminal, else plain lines."""
    if as_json:
        yield while_somebody_reads(_json_line)
    elif quiet:
        yield lambda _: None
    elif console.err.is_terminal:
        view = LiveView(console.err)
        with view.shown():
            yield while_somebody_reads(view.show)
    else:
        yield while_somebody_reads(plain_line)


def while_somebody_reads(sink: EventSink) -> EventSink:
    """A sink that falls silent when its pipe or terminal is closed. Progress decides nothing: the run goes on, its log has it all."""
    closed = False

    def show(event: Event) -> None:
        nonlocal closed
        if not closed:
            try:
                sink(event)
            except OSError:
                closed = True

    return show


def _json_line(event: Event) -> None:
    data = {k: v for k, v in event.data.items() if k not in ("type", "at", "message", "step", "level")}
    console.emit(event.type, at=event.at.isoformat(), message=event.message, step=event.step, level=event.level, **data)


def plain_line(event: Event) -> None:
    """One line for what matters to somebody who reads a log."""
    match event.type:
        case "run.started" | "environment.phase":
            console.err.print(escape(f"== {event.message}"))
        case "step.started":
            console.err.print(escape(f"-> {event.message}"))
        case "step.finished":
            console.err.print(_finished_line(event))
        case _ if event.level in (Level.WARNING, Level.ERROR):
            console.err.print(escape(f"{event.level}: {event.message}"))
        case _:
            pass  # details: the live view shows them, the log of the run keeps them


def _finished_line(event: Event) -> Text:
    good = event.data.get("status") == "ok"
    mark = "[green]✓[/]" if good else "[red]✗[/]"
    line = f"{mark} {escape(str(event.data.get('title', event.step)))}"
    line += f" [dim]{event.data.get('seconds', 0.0):.1f}s[/]"
    if event.message:
        line += f"  {escape(event.message)}" if good else f"  [red]{escape(event.message)}[/]"
    if not good and event.data.get("hint"):
        line += f"\n    [dim]{escape(str(event.data['hint']))}[/]"
    return Text.from_markup(line)


@dataclass
class _Doing:
    title: str
    since: float
    news: str = ""
    spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))


class LiveView:
    """Finished steps scroll up as lines; what is in flight stays below with a spinner, its time and its newest message.

    One lock around whatever is written: rich works out where the cursor is and writes it in two steps, and what another thread
    writes between them would leave a view behind, or go under in one.
    """

    def __init__(self, target: Console) -> None:
        self._console = target
        self._writing = threading.Lock()
        self._over = threading.Event()
        self._doing: dict[str, _Doing] = {}
        self._phase = ""
        self._run = ""
        self._live = Live(console=target, get_renderable=self._render, auto_refresh=False, transient=True)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The view is on the terminal meanwhile."""
        ticking = threading.Thread(target=self._tick, name="progress", daemon=True)
        with self._writing:
            self._live.start()
        ticking.start()
        try:
            yield
        finally:
            self._over.set()
            ticking.join()
            with self._writing:
                self._live.stop()

    def _tick(self) -> None:
        with suppress(OSError):  # the terminal is closed: nobody looks any more
            while not self._over.wait(EVERY):
                with self._writing:
                    self._live.refresh()

    def show(self, event: Event) -> None:
        """Take one event. Called from several threads."""
        with self._writing:
            self._take(event)

    def _take(self, event: Event) -> None:
        match event.type:
            case "run.started":
                self._run = event.message
            case "environment.phase":
                self._phase = event.message
            case "step.started":
                self._doing[event.step] = _Doing(event.message, time.monotonic())
            case "step.finished":
                self._doing.pop(event.step, None)
                self._console.print(_finished_line(event))
            case _ if event.level is Level.ERROR or event.level is Level.WARNING:
                style = "red" if event.level is Level.ERROR else "yellow"
                self._console.print(f"[{style}]{event.level}:[/] {escape(event.message)}")
            case _ if event.step in self._doing:
                self._doing[event.step].news = event.message
            case _:
                pass

    def _render(self) -> RenderableType:
        now = time.monotonic()
        grid = Table.grid(padding=(0, 1), expand=True)  # so that a long message is cut, and never what it is about
        grid.add_column(width=1)
        grid.add_column(no_wrap=True)
        grid.add_column(justify="right", style="dim", no_wrap=True)
        grid.add_column(style="dim", no_wrap=True, overflow="ellipsis", ratio=1)
        for doing in list(self._doing.values()):
            grid.add_row(doing.spinner, Text(doing.title), f"{now - doing.since:.0f}s", Text(doing.news))
        head = Text.assemble((self._run, "bold"), ("  " + self._phase, "cyan")) if self._run else Text("")
        return Group(head, grid)
