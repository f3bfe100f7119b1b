"""Cron expressions as times on a wall: which minutes of which days they name. Pure; zones and instants are `recurring`'s business.

Five fields as in crontab(5): minute, hour, day of the month, month, day of the week. Lists, ranges, steps and English names.
Where both days are restricted, one that matches is enough.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from lifecycle.errors import BatonError, ExitCode


class BadCron(BatonError):
    """This is no cron expression, or one that never comes."""

    exit_code = ExitCode.USAGE


EXAMPLE: Final = '"0 19 * * 1-5" is 19:00 from Monday to Friday'

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    words: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field("day of the week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression. `weekdays` counts from Sunday, 0, as cron does."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool  # the day of the month is not restricted
    any_weekday: bool

    def names(self, day: date) -> bool:
        """Whether it names a time of this day."""
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return in_month and in_week if self.any_day or self.any_weekday else in_month or in_week

    @property
    def times(self) -> Sequence[time]:
        """The times of a day that it names, in order."""
        return [time(hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes)]

    def walls(self, start: datetime) -> Iterator[datetime]:
        """The times on the wall from `start` (naive) on, in order; it ends where the calendar does."""
        first, times = start.date(), self.times
        for days in range((date.max - first).days + 1):
            day = first + timedelta(days=days)
            if self.names(day):
                yield from (wall for t in times if (wall := datetime.combine(day, t)) >= start)


@lru_cache(maxsize=256)
def parse_cron(text: str) -> Cron:
    """`0 19 * * 1-5`. Raises BadCron."""
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        raise BadCron(f"'{text:.60}' is no cron expression: it has {len(words)} fields, not 5", hint=EXAMPLE)
    minutes, hours, days, months, weekdays = (_values(w, f) for w, f in zip(words, _FIELDS, strict=True))
    any_day, any_weekday = words[2].startswith("*"), words[4].startswith("*")
    cron = Cron(" ".join(words), minutes, hours, days, months, frozenset(w % 7 for w in weekdays), any_day, any_weekday)
    if any_weekday and min(days) > max(_DAYS[month - 1] for month in months):
        raise BadCron(f"'{text:.60}' never comes: no such month has so many days", hint=EXAMPLE)
    return cron


def _values(word: str, field: _Field) -> frozenset[int]:
    return frozenset(value for part in word.split(",") for value in _part(part, field))


def _part(part: str, field: _Field) -> Sequence[int]:
    """`*`, `*/5`, `7`, `7/5`, `1-5`, `1-5/2`; numbers may be names."""
    found = re.fullmatch(r"(?:\*|(\w+)(?:-(\w+))?)(?:/([0-9]+))?", part)
    if found is None:
        raise _wrong(part, field)
    low, high, step = found.groups()
    most = min(field.most, 6) if low is None and field.words.get("sun") == 0 else field.most
    first = field.least if low is None else _number(low, field, part)
    last = most if low is None or (high is None and step) else _number(high or low, field, part)
    if first > last or (step is not None and int(step) == 0):
        raise _wrong(part, field)
    return range(first, last + 1, int(step or 1))


def _number(word: str, field: _Field, part: str) -> int:
    number = int(word) if re.fullmatch(r"[0-9]{1,4}", word) else field.words.get(word, -1)
    if not field.least <= number <= field.most:
        raise _wrong(part, field)
    return number


def _wrong(part: str, field: _Field) -> BadCron:
    return BadCron(
        f"'{part:.30}' is no {field.name} of a cron expression",
        hint=f"a number from {field.least} to {field.most}, a list, a range or *; {EXAMPLE}",
    )
