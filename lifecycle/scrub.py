"""Scrubs secrets out of texts by their values: the net below the markers.

A secret is found raw and as tools write it: escaped for JSON (also twice, and as Go does), for URLs, for shells and as a
Python literal, in base64 wherever it begins in what was encoded, and each line of a secret with several. Not found: what
was hashed, encrypted, compressed, encoded in another base, or cut in pieces by something other than a line or a chunk.
"""

from __future__ import annotations

import base64
import json
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

from lifecycle.sensitive import MASK, Sensitive

MINIMUM: Final = 6
"""Characters that a value must have to be scrubbed from every text. Shorter ones (`true`, `10`) would blank out the text
itself; where such a secret matters, its place is masked by its marker."""
BASE64_MINIMUM: Final = 8
"""Characters of a base64 form. Shorter ones are in too many innocent texts."""
LINE_LIMIT: Final = 64 << 10
"""Characters that a stream holds back while no line ends."""
CUT: Final = "\n…\n"
"""What stands where the middle of a text was left out before it came here: a secret that ends or begins there is only half."""
HALF: Final = 4
"""Characters of half a secret beside a cut, from which on it counts as one."""


class Scrubber:
    """Secrets that are known so far, and texts without them. Thread-safe; secrets may be added at any time.

    `minimum` is the least length that counts: MINIMUM for a log that anything may stand in, 1 for a short text where
    too much masking does no harm. What `above` knows, now or later, is known here too.
    """

    def __init__(self, values: Iterable[Any] = (), *, minimum: int = MINIMUM, above: Scrubber | None = None) -> None:
        self._minimum = minimum
        self._above = above
        self._lock = threading.Lock()
        self._forms: tuple[str, ...] = ()
        for value in values:
            self.add(value)

    def add(self, value: Any) -> bool:
        """Know a secret: a text, or every text and number inside a JSON value. False when any of it is too short to be scrubbed."""
        texts = list(leaves(value))
        strong = [text for text in texts if len(text) >= self._minimum]
        found = {form for text in strong for form in forms(text, self._minimum)}
        with self._lock:
            self._forms = tuple({*self._forms, *found})  # replaced, never changed: `text` reads it without the lock
        return len(strong) == len(texts)

    @property
    def _known(self) -> tuple[str, ...]:
        return self._forms + self._above._known if self._above else self._forms

    def text(self, text: str) -> str:
        """The text with every secret as `***`."""
        known = self._known
        places = [*_places(text, known), *(_halves(text, known) if CUT in text else ())]
        return _without(text, _merged(places))

    def value(self, value: Any) -> Any:
        """A JSON value with every text inside scrubbed, the keys of mappings too."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {self.value(key): self.value(item) for key, item in value.items()}
            case list() | tuple():
                return [self.value(item) for item in value]
            case Sensitive():
                return MASK
            case _:
                return value

    def masking(self, values: Iterable[Any]) -> Callable[[str], str]:
        """A function that masks these secrets, each of them however short, and all that are known here: for texts about one thing."""
        return Scrubber(values, minimum=1, above=self).text

    def stream(self, limit: int = LINE_LIMIT) -> StreamScrubber:
        """A scrubber for a text that comes in pieces. `limit` is how many characters of a line without an end it holds back."""
        return StreamScrubber(self, limit)

    def safe_end(self, text: str) -> int:
        """Where a text that goes on can be cut such that no secret, whole or begun, is cut with it."""
        known = self._known
        end = len(text) - max((_overlap(text, form) for form in known), default=0)
        for start, stop in _merged(_places(text, known)):
            if start < end < stop:
                return start
        return end


class StreamScrubber:
    """Pieces in, whole scrubbed lines out: a secret that is split over two pieces does not leak.

    A line that does not end is given out after so many characters, but for what may be the beginning of a secret.
    """

    def __init__(self, scrubber: Scrubber, limit: int) -> None:
        self._scrubber = scrubber
        self._limit = limit
        self._kept = ""

    def feed(self, piece: str) -> str:
        """What can be shown now; line ends included, possibly empty."""
        self._kept += piece
        end = self._kept.rfind("\n") + 1
        if not end and len(self._kept) > self._limit:
            end = self._scrubber.safe_end(self._kept)
        ready, self._kept = self._kept[:end], self._kept[end:]
        return self._scrubber.text(ready)

    def close(self) -> str:
        """The rest."""
        rest, self._kept = self._kept, ""
        return self._scrubber.text(rest)


def leaves(value: Any) -> Iterator[str]:
    """Every text and number inside a JSON value, as text; truth values and null are no secrets, nor are keys."""
    match value:
        case Sensitive():
            yield from leaves(value.reveal())
        case str():
            if value:
                yield value
        case bool() | None:
            return
        case int() | float():
            yield str(value)
        case Mapping():
            for item in value.values():
                yield from leaves(item)
        case list() | tuple() | set() | frozenset():
            for item in value:
                yield from leaves(item)
        case _:
            yield str(value)


def forms(secret: str, minimum: int = MINIMUM) -> set[str]:
    """How a secret shows up in texts. Each form is at least `minimum` characters long."""
    lines = [line.strip() for line in secret.splitlines()] if "\n" in secret.strip() else []
    bodies = [
        secret,
        secret.strip(),
        *(line for line in lines if not line.startswith("-----")),
    ]  # PEM's frame is no secret
    return {form for body in bodies for form in _written(body) if len(form) >= minimum}


def _written(text: str) -> Iterator[str]:
    yield text
    for escaped in {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}:
        yield escaped
        yield json.dumps(escaped)[1:-1]  # JSON within JSON
        yield escaped.replace("/", "\\/")
        yield escaped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")  # Go: Terraform's JSON
    for written in (repr("\"'" + text)[4:-1], repr(b"\"'" + text.encode(errors="surrogateescape"))[5:-1]):
        yield written  # with both quotes in it, repr escapes the single ones
        yield written.replace("\\'", "'")
    yield shlex.quote(text)[1:-1] if shlex.quote(text) != text else text
    for url in (quote(text, safe=""), quote(text), quote_plus(text)):
        yield url
        yield _lower_escapes(url)
    yield from _base64(text.encode(errors="surrogateescape"))


def _lower_escapes(url: str) -> str:
    """Percent escapes with small hexadecimal digits."""
    head, *rest = url.split("%")
    return head + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)


def _base64(secret: bytes) -> Iterator[str]:
    """What base64 of any text that holds the secret has in common, for its three possible places in a group of three bytes.

    Characters at either end that also encode a neighbour's bits are left off.
    """
    for before in range(3):
        bits = 8 * before
        encoded = base64.b64encode(b"\0" * before + secret).decode()
        core = encoded[-(-bits // 6) : (bits + 8 * len(secret)) // 6]
        if len(core) >= BASE64_MINIMUM:
            yield core
            yield core.replace("+", "-").replace("/", "_")


def _places(text: str, found: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Start and end of every occurrence of every form, overlapping ones too."""
    for form in found:
        start = text.find(form)
        while start >= 0:
            yield start, start + len(form)
            start = text.find(form, start + 1)


def _merged(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same places in order, those that touch or overlap as one: two secrets that overlap leave no rest of either."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(places):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _without(text: str, places: Iterable[tuple[int, int]]) -> str:
    parts, done = [], 0
    for start, end in places:
        parts += [text[done:start], MASK]
        done = end
    return "".join([*parts, text[done:]])


def _halves(text: str, found: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Start and end of what may be the beginning of a form before a cut, and the end of one behind it."""
    cut = text.find(CUT)
    while cut >= 0:
        behind = cut + len(CUT)
        for form in found:
            if (before := _overlap(text[max(0, cut - len(form)) : cut], form)) >= HALF:
                yield cut - before, cut
            if (after := _overlap(text[behind : behind + len(form)][::-1], form[::-1])) >= HALF:
                yield behind, behind + after
        cut = text.find(CUT, cut + 1)


def _overlap(text: str, form: str) -> int:
    """The longest end of the text that is a beginning of the form, but not all of it."""
    for length in range(min(len(form) - 1, len(text)), 0, -1):
        if text.endswith(form[:length]):
            return length
    return 0
