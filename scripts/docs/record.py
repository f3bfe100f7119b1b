"""Records `baton up examples/shop` as a person sees it, and writes docs/images/up.svg.

tmux is the terminal: it is asked what is on its screen, several times a second. A home of its own (.cache/record) is made and taken down.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from scripts.docs.pages import ROOT
from scripts.docs.svg import Frame, animated

PICTURE: Final = ROOT / "docs" / "images" / "up.svg"
HOME: Final = ROOT / ".cache" / "record"
COLUMNS, LINES = 100, 34
EVERY: Final = 0.25
PATIENCE: Final = 600.0
COMMAND: Final = "baton up examples/shop"


class Terminal:
    """A tmux of our own with one pane."""

    def __init__(self) -> None:
        self._tmux = ["tmux", "-L", f"baton-record-{os.getpid()}", "-f", os.devnull]

    def __call__(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True, env=environ()).stdout

    def start(self, command: str) -> None:
        script = f"printf '\\033[1m$ {command}\\033[0m\\n'; {command}; printf '\\033[?25l'; sleep 3600"
        self("new-session", "-d", "-x", str(COLUMNS), "-y", str(LINES), "sh", "-c", script)

    def screen(self) -> str:
        """What is on the screen, with its colours."""
        return self("capture-pane", "-e", "-p").rstrip("\n")

    def busy(self) -> bool:
        """Whether the command still runs."""
        pane = self("display-message", "-p", "#{pane_pid}").strip()
        children = subprocess.run(
            ["ps", "-o", "comm=", "--ppid", pane], capture_output=True, text=True, check=False
        ).stdout
        return children.strip() != "sleep"

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


def environ() -> dict[str, str]:
    """A terminal's environment, with the home of the recording."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TMUX", "COLUMNS", "LINES")}
    path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    return kept | {"BATON_HOME": str(HOME), "PATH": path, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}


def baton(*words: str) -> None:
    """Run a verb aside, out of the picture."""
    subprocess.run(["baton", *words], cwd=ROOT, env=environ(), check=True, stdout=subprocess.DEVNULL)


@contextmanager
def prepared() -> Iterator[None]:
    """The local cloud and the engine are up already: the picture is about `up`. Everything goes afterwards."""
    HOME.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        baton("cloud", "up")
        baton("server", "start")
        yield
    finally:
        codes = [
            subprocess.run(
                ["baton", *words], cwd=ROOT, env=environ(), check=False, stdout=subprocess.DEVNULL
            ).returncode
            for words in (("down", "shop/dev", "--yes"), ("server", "stop"), ("cloud", "down"))
        ]
        if not any(codes):  # the next recording begins with run 1
            shutil.rmtree(HOME)


def frames() -> list[Frame]:
    """What was on the screen, whenever it changed."""
    terminal, found = Terminal(), list[Frame]()
    os.chdir(ROOT)
    terminal.start(COMMAND)
    try:
        begun = time.monotonic()
        while True:
            busy, at = terminal.busy(), time.monotonic() - begun
            screen = terminal.screen()
            if not found or found[-1].screen != screen:
                found.append(Frame(at, screen))
            if not busy:
                return found
            if at > PATIENCE:
                raise SystemExit(f"record: {COMMAND} did not end within {PATIENCE:.0f} s")
            time.sleep(EVERY)
    finally:
        terminal.end()


def main() -> None:
    """`scripts/record`."""
    if not shutil.which("tmux"):
        raise SystemExit("record: tmux is needed (Debian: apt-get install tmux)")
    with prepared():
        recorded = frames()
    if "is ready" not in recorded[-1].screen:
        raise SystemExit(f"record: the run did not end well; the picture is left as it is\n{recorded[-1].screen}")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(animated(recorded, title=COMMAND, columns=COLUMNS), encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)}: {len(recorded)} screens, {PICTURE.stat().st_size // 1024} KB", file=sys.stderr)


if __name__ == "__main__":
    main()
