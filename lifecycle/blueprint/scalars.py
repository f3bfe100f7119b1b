"""The small values of a blueprint, parsed once at the edge: names, durations, files, numbers that may be references."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Tag,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from lifecycle.blueprint import references
from lifecycle.blueprint.sources import SECRET, UNSHOWN, expected_secret, parse_key, parse_secret, shows_scheme
from lifecycle.blueprint.sources import KeyKind as KeyKind  # noqa: PLC0414 - also had from here
from lifecycle.blueprint.sources import KeySource as KeySource  # noqa: PLC0414 - also had from here
from lifecycle.blueprint.sources import SecretRef as SecretRef  # noqa: PLC0414 - also had from here

T = TypeVar("T")

ERROR_TYPE: Final = "baton"


def wrong(message: str, expected: str = "", suggestion: str = "") -> PydanticCustomError:
    """An error that the loader shows as it is, at the position of the value that it is raised for."""
    return PydanticCustomError(
        ERROR_TYPE, "{message}", {"message": message, "expected": expected, "suggestion": suggestion}
    )


def describe(value: object) -> str:
    """A found value in plain words, short enough for a message."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value!r:.40}"
        case str():
            return f"the text '{value}'" if len(value) <= 60 else f"the text '{value[:57]}...'"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a mapping"
        case _:  # a value that was parsed already
            return f"the text '{value}'"


# --- texts of a certain shape -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Matches:
    """Says that a text must match a pattern as a whole, and what it is in plain words."""

    pattern: str
    expected: str

    def check(self, text: str) -> str:
        if re.fullmatch(self.pattern, text) is None:
            raise wrong(f"found {describe(text)}", self.expected)
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^({self.pattern})$"}


@dataclass(frozen=True, slots=True)
class Between:
    """Says that a whole number lies between two, both included, and what it is in plain words."""

    low: int
    high: int
    what: str

    def check(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            return value
        raise wrong(f"found {describe(value)}", f"{self.what}: a number from {self.low} to {self.high}")

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.check, json_schema_input_schema=core_schema.int_schema()
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


Name = Annotated[
    str,
    Matches(r"[a-z][a-z0-9-]{0,30}", "a name: small letters, digits and dashes, a letter first, at most 31 characters"),
]
InputName = Annotated[
    str, Matches(r"[a-z][a-z0-9_-]{0,62}", "a name: small letters, digits, '_' and '-', a letter first")
]
GroupName = Annotated[str, Matches(r"[a-z_][a-z0-9_-]{0,62}", "a group's name: small letters, digits, '_' and '-'")]
OutputName = Annotated[str, Matches(r"[A-Za-z_][A-Za-z0-9_-]*", "the name of one of the module's outputs")]
AfterName = Annotated[
    str, Matches(r"(check\.)?[a-z][a-z0-9-]{0,30}", "a configure step's name, or check.NAME for a check")
]
Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Matches(r"https?://\S+|\$\{.+", "an address that begins with http:// or https://")]


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as problem:
        raise wrong(f"'{text:.60}' is not a regular expression: {problem}", "Python's syntax") from None
    return text


Regex = Annotated[str, AfterValidator(_regex), WithJsonSchema({"type": "string", "format": "regex"})]


# --- numbers that may be a reference ----------------------------------------------------------------------------------


def _one_reference(text: str) -> str:
    problems = [piece for piece in references.scan(text) if isinstance(piece, references.ReferenceInvalid)]
    if not problems and not references.is_reference(text):  # broken references are reported by their own rule
        raise wrong(f"found {describe(text)}", "a number, or one reference and nothing else")
    return text


OneReference = Annotated[
    str, AfterValidator(_one_reference), WithJsonSchema({"type": "string", "pattern": r"^\$\{.+\}$"})
]


def _number_or_reference(value: object) -> str:
    return "<reference>" if isinstance(value, str) and "${" in value else "<number>"


PortNumber = Annotated[int, Between(1, 65535, "a port")]
Port: TypeAlias = Annotated[
    Annotated[PortNumber, Tag("<number>")] | Annotated[OneReference, Tag("<reference>")],
    Discriminator(_number_or_reference),
]
"""A port, or a reference to one (its value is then not known here, nor checked)."""


# --- texts that are parsed into something -----------------------------------------------------------------------------


def _parser(kind: type[T], parse: Callable[[str], T | None], expected: str) -> Callable[[object], T]:
    def validate(value: object) -> T:
        parsed = value if isinstance(value, kind) else parse(value) if isinstance(value, str) else None
        if parsed is None:
            raise wrong(f"found {describe(value)}", expected)
        return parsed

    return validate


_UNITS: Final = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,9}}){unit})?" for unit in _UNITS))
DURATION_WORDS: Final = "a duration such as 500ms, 30s, 5m, 1h30m or 2d"


def parse_duration(text: str) -> timedelta | None:
    """The duration written as `1h30m` (w, d, h, m, s, ms; large units first, each at most once); None if it is none."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        return None
    total = timedelta(0)
    try:
        for amount, unit in zip(match.groups(), _UNITS.values(), strict=True):
            total += int(amount or 0) * unit
    except OverflowError:
        return None
    return total


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads as the same duration, to the millisecond; from days down."""
    rest, text = duration // _UNITS["ms"], ""
    for unit, length in list(_UNITS.items())[1:]:
        amount, rest = divmod(rest, length // _UNITS["ms"])
        text += f"{amount}{unit}" if amount else ""
    return text or "0s"


_duration = _parser(timedelta, parse_duration, DURATION_WORDS)


def _longer_than_nothing(value: object) -> timedelta:
    duration = _duration(value)
    if duration <= timedelta(0):
        raise wrong(f"found {describe(value)}", "a duration longer than nothing")
    return duration


_DURATION_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": r"^([0-9]+(w|d|h|m|s|ms))+$", "examples": ["30s", "1h30m"]}
)
Delay = Annotated[
    timedelta, PlainValidator(_duration), PlainSerializer(format_duration, when_used="json"), _DURATION_SCHEMA
]
"""A duration that may be zero."""
Duration = Annotated[
    timedelta,
    PlainValidator(_longer_than_nothing),
    PlainSerializer(format_duration, when_used="json"),
    _DURATION_SCHEMA,
]


def _serial(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]?%|100%", value):
        return value
    raise wrong(
        f"found {describe(value)}", "how many hosts to take at a time: a number from 1, or a part of them such as 50%"
    )


Serial = Annotated[
    int | str,
    PlainValidator(_serial),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]{1,3}%$"}]}),
]


def _amount(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return Decimal(str(value))
    raise wrong(f"found {describe(value)}", "an amount of money: a number from 0")


Amount = Annotated[
    Decimal,
    PlainValidator(_amount),
    PlainSerializer(float, when_used="json"),
    WithJsonSchema({"type": "number", "minimum": 0}),
]

FilePath = Annotated[
    str,
    Matches(r"file:.+", "file:PATH"),
    AfterValidator(lambda text: text.removeprefix("file:")),
    WithJsonSchema({"type": "string", "pattern": "^file:.+$"}),
]
"""Written `file:PATH`; the value is the path, relative to the blueprint's folder, `~` not expanded."""


def _file_or_reference(value: object) -> str:
    return "<reference>" if isinstance(value, str) and value.startswith("${") else "<file>"


Certificates: TypeAlias = Annotated[
    Annotated[FilePath, Tag("<file>")] | Annotated[OneReference, Tag("<reference>")],
    Discriminator(_file_or_reference),
]
"""Certificates to trust: a file with PEM texts, or a reference to such a text."""

Key = Annotated[
    KeySource,
    PlainValidator(_parser(KeySource, parse_key, "generate, agent or file:PATH")),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^(generate|agent|file:.+)$"}),
]


def _secret(value: object) -> SecretRef:
    parsed = value if isinstance(value, SecretRef) else parse_secret(value) if isinstance(value, str) else None
    if parsed is None:
        text = value if isinstance(value, str) else ""
        raise wrong(f"found {describe(value) if shows_scheme(text) else UNSHOWN}", *expected_secret(text))
    return parsed


Secret = Annotated[
    SecretRef,
    PlainValidator(_secret),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^({SECRET})$"}),
]
