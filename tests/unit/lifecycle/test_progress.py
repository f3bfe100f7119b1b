"""The live view, with many threads that tell it something at once."""

import io
import threading
import time
from datetime import UTC, datetime

from rich.console import Console

from baton.progress import LiveView
from lifecycle.events import Event
from tests.support.screen import rows

STEPS, AT_ONCE, THREADS = 4, 4, 6
LINES = STEPS * AT_ONCE * THREADS
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Terminal(io.StringIO):
    """One that takes its time, as one over a slow line does: whoever else wants to write meanwhile gets to it."""

    def write(self, text: str) -> int:
        time.sleep(0.002)
        return super().write(text)


def test_nothing_of_the_view_stays_behind_and_no_line_goes_under() -> None:
    terminal = Terminal()
    console = Console(file=terminal, force_terminal=True, force_interactive=True, width=60, height=40)
    view = LiveView(console)

    def work(thread: int) -> None:
        for number in range(STEPS):
            steps = [f"{thread}-{number}-{one}" for one in range(AT_ONCE)]
            for step in steps:
                view.show(Event(NOW, "step.started", f"verify {step}", step=step))
            for step in steps:
                message = f"answered {step} " + "at length " * (number % 12) + "END"
                view.show(Event(NOW, "step.finished", message, step=step, data={"status": "ok", "title": step}))

    with view.shown():
        view.show(Event(NOW, "run.started", "up shop/dev r1"))
        threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    screen = "\n".join(rows(terminal.getvalue()))
    assert "up shop/dev" not in screen
    assert (screen.count("✓"), screen.count("END")) == (LINES, LINES)
