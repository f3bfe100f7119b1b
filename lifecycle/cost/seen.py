"""A planned resource's values, read so that what is unknown cannot be mistaken for a value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from lifecycle.sensitive import MASK

_ZONE = re.compile(r"([a-z]{2}(?:-[a-z]+)+-\d)[a-z]*(?:-.*)?")


class NotKnown(Exception):
    """A value that a price depends on is not known; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The values of one resource, or of one block of it. `unknown` are paths from the resource's top."""

    values: Mapping[str, Any]
    unknown: tuple[str, ...] = ()
    path: str = ""

    def get(self, name: str) -> Any:
        """The value, None where there is none. Raises NotKnown."""
        value = self.values.get(name)
        if self._path(name) in self.unknown:
            raise NotKnown(f"{self._path(name)} is known only after apply")
        if value == MASK:
            raise NotKnown(f"{self._path(name)} is secret")
        return value

    def knows(self, name: str) -> bool:
        """Whether there is a value, and it is known."""
        try:
            return self.get(name) is not None
        except NotKnown:
            return False

    def text(self, name: str) -> str:
        """The value as text. Raises NotKnown where there is none."""
        value = self.get(name)
        if value is None or value == "":
            raise NotKnown(f"{self._path(name)} is not set")
        return str(value)

    def number(self, name: str) -> Decimal:
        """The value as a number, also where the provider writes it as text. Raises NotKnown where there is none."""
        text = self.text(name)
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or isinstance(self.get(name), bool):
            raise NotKnown(f"{self._path(name)} is no number")
        return number

    def is_true(self, name: str) -> bool:
        """Whether it is known to be true."""
        return self.knows(name) and self.get(name) in (True, "true")

    def blocks(self, name: str) -> tuple["Seen", ...]:
        """The blocks of a name. Raises NotKnown where nobody can say how many there are."""
        found = self.get(name) or ()
        items = [found] if isinstance(found, Mapping) else list(found)
        return tuple(
            Seen(item, self.unknown, f"{self._path(name)}[{at}].")
            for at, item in enumerate(items)
            if isinstance(item, Mapping)
        )

    def block(self, name: str) -> "Seen | None":
        """The only block of a name, None where there is none. Raises NotKnown."""
        return next(iter(self.blocks(name)), None)

    @property
    def region(self) -> str:
        """The region that its own values tell; empty where they tell none."""
        if self.knows("region"):
            return str(self.get("region"))
        if self.knows("availability_zone") and (zone := _ZONE.fullmatch(str(self.get("availability_zone")))):
            return zone[1]
        if self.knows("arn"):  # arn:PARTITION:SERVICE:REGION:ACCOUNT:...
            parts = str(self.get("arn")).split(":")
            return parts[3] if len(parts) > 5 else ""
        return ""

    def _path(self, name: str) -> str:
        return f"{self.path}{name}"
