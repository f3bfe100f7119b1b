"""YAML 1.2 text → plain data, with the position of every key and value.

Unlike plain PyYAML: `on`, `yes` and `22:30` are texts, there are no dates and no merge keys, and duplicate keys are refused.
Built from libyaml's events, which come one after the other: no text can nest or repeat itself into a crash.
Source: YAML 1.2.2, chapter 10.3 (core schema).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import yaml

from lifecycle.blueprint.problems import Path
from lifecycle.sensitive import JSON

MAX_DEPTH: Final = 64
MAX_VALUES: Final = 100_000
_TAG = "tag:yaml.org,2002:"
_NUMERIC = frozenset("-+.0123456789")
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,300}|0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class Place(NamedTuple):
    """A position in the text, counted from 1."""

    line: int
    column: int


class Fault(NamedTuple):
    """Something that YAML allows and a blueprint does not (or YAML does not either), where it was found."""

    place: Place
    path: Path
    message: str
    expected: str = ""
    suggestion: str = ""


class NotYaml(Exception):
    """The text cannot be read at all; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data, where each of its values and keys stands, and what is wrong with the text although it could be read."""

    data: JSON
    values: dict[Path, Place]
    keys: dict[Path, Place]
    faults: tuple[Fault, ...] = ()

    def value_at(self, path: Path) -> Place:
        """Where a value stands; for one that is not there, the nearest that holds it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))

    def key_at(self, path: Path) -> Place:
        """Where the key of a value stands; for an element of a list, the element."""
        return self.keys.get(path) or self.value_at(path)


@dataclass(slots=True)
class _Node:
    place: Place
    kind: str  # scalar, seq or map
    tag: str
    value: str | list[Any]  # text, nodes, or pairs of nodes
    plain: bool = False  # a scalar without quotes or tag


def read(text: str) -> Document:
    """The one document of a text. Raises NotYaml."""
    if (separator := re.search("[\x85\u2028\u2029]", text)) is not None:
        # ordinary characters in YAML 1.2, line breaks for libyaml: better refused than read as something else
        raise NotYaml(_character(text, separator, "outside of an escape in double quotes"))
    try:
        root = _Composer(text).compose()
    except yaml.MarkedYAMLError as error:
        raise NotYaml(_syntax(error, text)) from None
    except yaml.reader.ReaderError as error:
        raise NotYaml(_unreadable(text, error)) from None
    except UnicodeEncodeError:
        raise NotYaml(Fault(Place(1, 1), (), "the file holds characters that are not valid Unicode")) from None
    if root is None:
        raise NotYaml(Fault(Place(1, 1), (), "the file is empty", "a blueprint, which begins with 'blueprint: 1'"))
    return _Reader().read(root)


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if mark and "\t" in line[: mark.column + 1] and not line[: mark.column].strip():
        return Fault(place, (), "a tab is used for indentation", "spaces")
    since = f" from line {error.context_mark.line + 1} on" if error.context_mark else ""
    context = f" ({error.context}{since})" if error.context else ""
    return Fault(place, (), f"this is not valid YAML: {error.problem or 'unknown reason'}{context}")


def _unreadable(text: str, error: yaml.reader.ReaderError) -> Fault:
    bad = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    if bad is None:
        return Fault(Place(1, 1), (), f"the text cannot be read: {error.reason}")
    return _character(text, bad, "in YAML")


def _character(text: str, found: re.Match[str], where: str) -> Fault:
    before = text[: found.start()]
    place = Place(before.count("\n") + 1, found.start() - before.rfind("\n"))
    return Fault(place, (), f"the character U+{ord(found[0]):04X} is not allowed {where}")


class _Composer:
    """Events → nodes. Aliases share the node of their anchor."""

    def __init__(self, text: str) -> None:
        self.events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self.anchors: dict[str, _Node | None] = {}  # None while the node is being built

    def compose(self) -> _Node | None:
        root: _Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise NotYaml(
                        Fault(_place(event), (), "a second document begins here", "one blueprint in one file")
                    )
                root = self.node(next(self.events), 0)
        blank = root is not None and root.plain and root.value == ""
        return None if blank else root

    def node(self, event: Any, depth: int) -> _Node:
        place = _place(event)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(str(event.anchor), place)
        if depth > MAX_DEPTH:
            raise NotYaml(Fault(place, (), f"this is nested more than {MAX_DEPTH} levels deep"))
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        node = self.content(event, place, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def content(self, event: Any, place: Place, depth: int) -> _Node:
        if isinstance(event, yaml.ScalarEvent):
            plain = event.tag is None and event.implicit[0]
            tag = _TAG + "str" if event.tag in (None, "!") else event.tag
            return _Node(place, "scalar", tag, event.value, plain)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(following := next(self.events), yaml.SequenceEndEvent):
                items.append(self.node(following, depth + 1))
            return _Node(place, "seq", event.tag or _TAG + "seq", items)
        pairs = []
        while not isinstance(following := next(self.events), yaml.MappingEndEvent):
            key = self.node(following, depth + 1)
            pairs.append((key, self.node(next(self.events), depth + 1)))
        return _Node(place, "map", event.tag or _TAG + "map", pairs)

    def alias(self, anchor: str, place: Place) -> _Node:
        if anchor not in self.anchors:
            raise NotYaml(Fault(place, (), f"the alias '*{anchor}' has no anchor '&{anchor}' before it"))
        node = self.anchors[anchor]
        if node is None:
            raise NotYaml(Fault(place, (), f"the alias '*{anchor}' stands inside of what it repeats"))
        return node


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


@dataclass(slots=True)
class _Reader:
    """Nodes → data and positions. What cannot be used becomes None and a fault."""

    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def read(self, root: _Node) -> Document:
        data = self.value(root, ())
        return Document(data, self.values, self.keys, tuple(self.faults))

    def value(self, node: _Node, path: Path) -> JSON:
        if len(self.values) > MAX_VALUES or len(path) > MAX_DEPTH:
            raise NotYaml(Fault(node.place, (), "the blueprint is too large: its aliases repeat too much"))
        self.values[path] = node.place
        if isinstance(node.value, str):
            return self.scalar(node, node.value, path)
        if node.tag != _TAG + node.kind:
            return self.fault(node.place, path, f"the tag '{_short(node.tag)}' is not supported")
        if node.kind == "map":
            return self.mapping(node.value, path)
        return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]

    def mapping(self, pairs: list[tuple[_Node, _Node]], path: Path) -> JSON:
        data: dict[str, JSON] = {}
        for key, item in pairs:
            name = self.key(key, path)
            if name is None:
                continue
            inside = (*path, name)
            if name in data:
                first = self.keys[inside].line
                self.fault(key.place, inside, f"duplicate key '{name:.60}', first on line {first}", "each key once")
                continue
            self.keys[inside] = key.place
            data[name] = self.value(item, inside)
        return data

    def key(self, node: _Node, path: Path) -> Any:
        """The key's text; None if it cannot be used."""
        if not isinstance(node.value, str):
            return self.fault(node.place, path, "a list or mapping is used as a key", "a text")
        found = self.scalar(node, node.value, path)
        if node.plain and node.value == "<<":
            advice = "repeat the keys, or give a whole value an anchor and an alias"
            return self.fault(node.place, path, "merge keys ('<<') are not part of YAML 1.2", "", advice)
        if isinstance(found, str):
            return found
        return self.fault(node.place, path, f"the key '{node.value:.60}' is not a text", "a text", "put it in quotes")

    def scalar(self, node: _Node, text: str, path: Path) -> JSON:
        if node.plain:
            return self.number(node, text, path) if text[:1] in _NUMERIC else _plain(text)
        match _short(node.tag):
            case "!!str":
                return text
            case "!!null" if _NULL.fullmatch(text):
                return None
            case "!!bool" if _BOOL.fullmatch(text):
                return _plain(text)
            case "!!int" if _INT.fullmatch(text):
                return self.number(node, text, path)
            case "!!float" if _FLOAT.fullmatch(text):
                return self.number(node, text, path, real=True)
            case "!!null" | "!!bool" | "!!int" | "!!float" as tag:
                return self.fault(node.place, path, f"the text '{text:.60}' does not fit its tag '{tag}'")
            case tag:
                return self.fault(node.place, path, f"the tag '{tag:.60}' is not supported")

    def number(self, node: _Node, text: str, path: Path, real: bool = False) -> JSON:
        if not real and _INT.fullmatch(text):
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            return int(text, base)
        if not _FLOAT.fullmatch(text):
            return text
        number = math.inf if text[-1:].isalpha() else float(text)
        if math.isfinite(number):
            return number
        return self.fault(
            node.place, path, f"the number {text:.60} is not finite or too large", "", "quote it if it is a text"
        )

    def fault(self, place: Place, path: Path, message: str, expected: str = "", suggestion: str = "") -> Any:
        """Notes what is wrong; gives the None that stands for the value."""
        self.faults.append(Fault(place, path, message, expected, suggestion))
        return None


def _plain(text: str) -> JSON:
    """A scalar without quotes that does not look like a number."""
    if _NULL.fullmatch(text):
        return None
    if (boolean := _BOOL.fullmatch(text)) is not None:
        return boolean[1] is not None
    return text


def _short(tag: str) -> str:
    return tag.replace(_TAG, "!!", 1)
