"""A price file's text → PriceBook, or every problem at once with its position."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from lifecycle.blueprint import yaml12
from lifecycle.blueprint.problems import Path as Where
from lifecycle.blueprint.problems import Problem, did_you_mean, dotted
from lifecycle.blueprint.scalars import describe
from lifecycle.cost.book import Kind, PriceBook, Prices
from lifecycle.errors import BatonError, ExitCode

KEYS: Final = ("prices", "currency", "as_of", "source", "free", "usage", "everywhere", "regions")
NEEDED: Final = ("prices", "currency", "as_of", "source")


class PricesInvalid(BatonError):
    """The price file is not valid."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = tuple(problems)
        super().__init__(
            "\n".join(("the price file is not valid:", *map(str, found))),
            hint="docs/cost.md shows what a price file holds; `baton prices show` lists the prices that are known",
            facts={"problems": [asdict(problem) for problem in found]},
        )


class PricesMissing(BatonError):
    """There is no price file at this path."""

    exit_code = ExitCode.USAGE


def read_file(path: Path) -> PriceBook:
    """The price book in a file. Raises PricesMissing, PricesInvalid."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        hint = "the setting BATON_PRICES and the blueprint's `cost.prices` name price files"
        raise PricesMissing(f"the price file {path} cannot be read: {error}", hint=hint) from None
    return read(text, str(path))


def read(text: str, filename: str) -> PriceBook:
    """The price book of a YAML text. Raises PricesInvalid. The file name is used in problems; no file is read."""
    try:
        document = yaml12.read(text)
    except yaml12.NotYaml as error:
        fault = error.fault
        raise PricesInvalid([Problem(filename, *fault.place, dotted(fault.path), fault.message)]) from None
    reader = _Reader(document, filename)
    book = reader.book()
    if book is None or reader.problems:
        raise PricesInvalid(sorted(reader.problems, key=lambda problem: (problem.line, problem.column)))
    return book


@dataclass(slots=True)
class _Reader:
    document: yaml12.Document
    filename: str
    problems: list[Problem] = field(default_factory=list)

    def book(self) -> PriceBook | None:
        """The book; what is wrong is among the problems, and None where no book can be made of it."""
        for fault in self.document.faults:
            self.problems.append(Problem(self.filename, *fault.place, dotted(fault.path), fault.message))
        data = self.mapping(self.document.data, ())
        self.keys(data, KEYS, ())
        for key in NEEDED:
            if key not in data:
                self.wrong((), f"the key '{key}' is missing")
        if data.get("prices", 1) != 1:
            self.wrong(("prices",), f"found {describe(data['prices'])}", "1, the version of the format")
        as_of = self.day(data.get("as_of"))
        regions = self.mapping(data.get("regions"), ("regions",))
        if self.problems and not all(key in data for key in NEEDED):
            return None
        return PriceBook(
            currency=self.text(data["currency"], ("currency",)),
            as_of=as_of,
            source=self.text(data["source"], ("source",)),
            regions={name: self.prices(prices, ("regions", name)) for name, prices in regions.items()},
            everywhere=self.prices(data.get("everywhere"), ("everywhere",)),
            free=tuple(
                self.text(item, ("free", at)) for at, item in enumerate(self.items(data.get("free"), ("free",)))
            ),
            usage={
                name: self.text(words, ("usage", name))
                for name, words in self.mapping(data.get("usage"), ("usage",)).items()
            },
        )

    def prices(self, value: Any, path: Where) -> Prices:
        """Prices by kind; those of kinds with engines under `ENGINE/NAME`."""
        data = self.mapping(value, path)
        self.keys(data, tuple(Kind), path)
        found: dict[Kind, Mapping[str, Decimal]] = {}
        for key, prices in data.items():
            if key not in tuple(Kind):
                continue
            kind, inside = Kind(key), (*path, key)
            if not kind.by_engine:
                found[kind] = self.named(prices, inside)
                continue
            engines = self.mapping(prices, inside)
            found[kind] = {
                f"{engine}/{name}": price
                for engine, own in engines.items()
                for name, price in self.named(own, (*inside, engine)).items()
            }
        return found

    def named(self, value: Any, path: Where) -> dict[str, Decimal]:
        """Prices by name."""
        data = self.mapping(value, path)
        return {name: self.price(price, (*path, name)) for name, price in data.items()}

    def price(self, value: Any, path: Where) -> Decimal:
        """A price, as it is written: YAML's floats are short enough to keep every digit."""
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            self.wrong(path, f"found {describe(value)}", "a price: a number from 0")
            return Decimal(0)
        return Decimal(str(value))

    def day(self, value: Any) -> date:
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            if value is not None:
                self.wrong(("as_of",), f"found {describe(value)}", "the day of the prices, such as 2026-01-31")
            return date.min

    def text(self, value: Any, path: Where) -> str:
        if not isinstance(value, str) or not value:
            self.wrong(path, f"found {describe(value)}", "a text")
            return ""
        return value

    def mapping(self, value: Any, path: Where) -> dict[str, Any]:
        if value is None and path:
            return {}
        if not isinstance(value, dict):
            self.wrong(path, f"found {describe(value)}", "a mapping")
            return {}
        return value

    def items(self, value: Any, path: Where) -> list[Any]:
        if value is not None and not isinstance(value, list):
            self.wrong(path, f"found {describe(value)}", "a list")
            return []
        return value or []

    def keys(self, data: Mapping[str, Any], known: tuple[str, ...], path: Where) -> None:
        for key in data:
            if key not in known:
                suggestion = did_you_mean(key, known)
                expected = "" if suggestion else f"one of {', '.join(known)}"
                line, column = self.document.key_at((*path, key))
                place = dotted((*path, key))
                self.problems.append(
                    Problem(self.filename, line, column, place, f"unknown key '{key:.60}'", expected, suggestion)
                )

    def wrong(self, path: Where, message: str, expected: str = "") -> None:
        line, column = self.document.value_at(path)
        self.problems.append(Problem(self.filename, line, column, dotted(path), message, expected))
