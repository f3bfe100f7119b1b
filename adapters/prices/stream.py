"""A large JSON file, member by member, without holding all of it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

_CHUNK: Final = 1 << 18
_SPACE: Final = " \t\r\n"


class NotJson(ValueError):
    """The text is no JSON object."""


def members(path: Path, depths: Mapping[str, int]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(Keys that lead to it, value) of the members of the object in a file, in its order.

    `depths`: top key → how many levels of objects below it are taken apart too. Only what is yielded is held. Raises NotJson.
    """
    with path.open(encoding="utf-8") as file:
        try:
            yield from _Reader(file).object((), depths)
        except UnicodeDecodeError as error:
            raise NotJson(str(error)) from None


class _Reader:
    def __init__(self, file: IO[str]) -> None:
        self.file = file
        self.text = ""
        self.at = 0
        self.decoder = json.JSONDecoder()

    def object(self, keys: tuple[str, ...], depths: Mapping[str, int]) -> Iterator[tuple[tuple[str, ...], Any]]:
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            inside = (*keys, str(self.value()))
            self.take(":")
            if self.peek() == "{" and len(inside) <= depths.get(inside[0], 0):
                yield from self.object(inside, depths)
            else:
                yield inside, self.value()
            if self.peek() != ",":
                break
            self.take(",")
        self.take("}")

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in _SPACE:
                self.at += 1
            if self.at < len(self.text) or not self.more():
                return self.text[self.at : self.at + 1]

    def take(self, wanted: str) -> None:
        if (found := self.peek()) != wanted:
            raise NotJson(f"found {found!r} where {wanted!r} belongs")
        self.at += 1

    def value(self) -> Any:
        """The next value. One that ends where the text ends so far may go on: it is read again with more."""
        self.peek()
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text, self.at)
                whole = end < len(self.text)
            except ValueError as error:
                value, end, whole = None, 0, False
                problem = str(error)
            else:
                problem = ""
            if whole or not self.more():
                if problem:
                    raise NotJson(problem)
                self.at = end
                return value

    def more(self) -> bool:
        chunk = self.file.read(
            max(_CHUNK, len(self.text) - self.at)
        )  # twice as much each time: no value is read too often
        self.text, self.at = self.text[self.at :] + chunk, 0
        return bool(chunk)
