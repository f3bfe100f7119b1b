"""What is left on a terminal's screen by what was written to it: rows, with the few controls that a live view uses."""

import re

_PIECES = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|(\r|\n)|([^\x1b\r\n]+)")


def rows(written: str) -> list[str]:
    """The rows of a screen that is as high as it must be and as wide."""
    found, row, column = [""], 0, 0
    for number, control, line, text in _PIECES.findall(written):
        if control == "A":
            row = max(0, row - int(number or 1))
        elif control == "K":
            found[row] = ""
        elif line == "\r":
            column = 0
        elif line == "\n":
            row, column = row + 1, 0
            found += [""] * (row + 1 - len(found))
        elif text:
            found[row] = found[row][:column].ljust(column) + text + found[row][column + len(text) :]
            column += len(text)
    return found
