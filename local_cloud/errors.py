"""The one error that a person may see from the local cloud."""

from __future__ import annotations


class CloudError(Exception):
    """What went wrong and where (`message`), and what to do next (`hint`)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()
