"""Screens of a terminal as one SVG that moves by itself; where nothing moves, the last screen is seen."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

from rich.color import ColorType
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

CHAR, LINE, SIZE = 8.4, 20, 14
MARGIN: Final = 16
BAR: Final = 34
HOLD: Final = 0.7
"""Seconds for which a screen stands at most: nobody likes to watch waiting. The times on it are the real ones."""
LAST: Final = 6.0
"""Seconds for which the last screen stands before it begins anew."""
IDLE: Final = 3.0
"""Seconds between two screens on which only a clock ticks."""
_TICKING: Final = re.compile("[\u2800-\u28ff]|\\d+s")
KEEP: Final = 60
"""Screens at most; of more, some are left out evenly."""
THEME: Final = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [(72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34), (88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196)],
    [(110, 118, 129), (255, 161, 152), (86, 211, 100), (227, 179, 65), (121, 192, 255), (210, 168, 255), (86, 212, 221), (240, 246, 252)],
)  # fmt: skip
DIM: Final = "#8b949e"
_CONSOLE: Final = Console(width=400, color_system="truecolor", force_terminal=True, legacy_windows=False)


@dataclass(frozen=True, slots=True)
class Frame:
    """What was on the screen (ANSI) from this second on."""

    at: float
    screen: str


def animated(frames: Sequence[Frame], *, title: str, columns: int) -> str:
    """The picture. Its height is that of the tallest screen."""
    shown = _thinned(frames)
    holds = [min(HOLD, after.at - frame.at) for frame, after in pairwise(shown)] + [LAST]
    total = sum(holds)
    rows = max(len(frame.screen.splitlines()) for frame in shown)
    width, height = columns * CHAR + 2 * MARGIN, rows * LINE + BAR + MARGIN
    rules, groups, begun = [], [], 0.0
    for number, (frame, hold) in enumerate(zip(shown, holds, strict=True)):
        first, last = 100 * begun / total, 100 * (begun + hold) / total
        rules.append(_rule(number, first, last, is_last=number == len(shown) - 1))
        groups.append(f'<g class="f f{number}">{"".join(_lines(frame.screen))}</g>')
        begun += hold
    style = f".f{{visibility:hidden;animation:{total:.1f}s steps(1) infinite}}{''.join(rules)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">\n'
        f"<style>text{{font:{SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
        f"white-space:pre;fill:{THEME.foreground_color.hex}}}{style}</style>\n"
        f'<rect width="100%" height="100%" rx="8" fill="{THEME.background_color.hex}"/>\n'
        + "".join(
            f'<circle cx="{MARGIN + 6 + 20 * i}" cy="17" r="6" fill="{fill}"/>'
            for i, fill in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        )
        + "\n"
        + "\n".join(groups)
        + "\n</svg>\n"
    )


def _telling(frames: Sequence[Frame]) -> list[Frame]:
    """Screens on which something happened: of those where only a clock ticks, one every few seconds."""
    kept: list[Frame] = []
    before = ""
    for frame in frames:
        essence = _TICKING.sub("", frame.screen)
        if not kept or essence != before or frame.at - kept[-1].at >= IDLE:
            kept.append(frame)
        before = essence
    return kept if kept[-1] is frames[-1] else [*kept, frames[-1]]


def _thinned(frames: Sequence[Frame]) -> list[Frame]:
    """At most KEEP telling frames; the last one always."""
    frames = _telling(frames)
    step = max(1.0, len(frames) / KEEP)
    kept = [frames[int(i * step)] for i in range(int((len(frames) - 1) / step) + 1)]
    return kept if kept[-1] is frames[-1] else [*kept, frames[-1]]


def _rule(number: int, first: float, last: float, *, is_last: bool) -> str:
    """A frame's time in the cycle, in per cent. The last one is visible without animation too."""
    begin = f"0%{{visibility:hidden}}{first:.2f}%{{visibility:visible}}" if first else "0%{visibility:visible}"
    end = "" if is_last else f"{last:.2f}%{{visibility:hidden}}"
    still = "visibility:visible;" if is_last else ""
    return f".f{number}{{{still}animation-name:k{number}}}@keyframes k{number}{{{begin}{end}}}"


def _lines(screen: str) -> Iterator[str]:
    for row, line in enumerate(screen.splitlines()):
        spans = "".join(_spans(line))
        if spans:
            yield f'<text y="{BAR + row * LINE + SIZE}">{spans}</text>'


def _spans(line: str) -> Iterator[str]:
    column = 0
    for text, style, _ in Text.from_ansi(line).render(_CONSOLE, end=""):
        for word in re.finditer(r"\S+(?: \S+)*", text):  # columns are placed, whatever a viewer makes of spaces
            x, length = MARGIN + (column + word.start()) * CHAR, len(word[0]) * CHAR
            place = f'x="{x:g}"' + (f' textLength="{length:g}"' if len(word[0]) > 1 else "")
            yield f"<tspan {place}{_looks(style)}>{escape(word[0], quote=False)}</tspan>"
        column += len(text)


def _looks(style: Style | None) -> str:
    if style is None:
        return ""
    fill = ""
    if style.color is not None and style.color.type is not ColorType.DEFAULT:
        fill = style.color.get_truecolor(THEME).hex
    elif style.dim:
        fill = DIM
    return (f' fill="{fill}"' if fill else "") + (' font-weight="bold"' if style.bold else "")
