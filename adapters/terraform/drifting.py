"""Drift as people mean it: what a refresh tells although nobody did anything is left out.

Two things stand in `resource_drift` that are no drift, most of all right after a first apply:

- *Another spelling.* A provider that wrote null reads an empty list, an empty text, false or 0 the next time, or a set in
  another order.
- *An echo.* What one resource makes shows in another that only computes it: rules in their security group, routes in
  their table. It is an echo only where one resource of the same plan, which names the other by its id, has all of it. What
  goes from such a list is an echo too: what the configuration governs shows at its own resource.

What the configuration sets itself is never an echo. So a port that somebody opened by hand stays what it is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.terraform.declared import Declared, without_keys

Document = Mapping[str, Any]


def real(plan: Document, configuration: Mapping[str, Declared]) -> Iterator[Document]:
    """The entries of `resource_drift` that are drift; in each, `after` differs from `before` only where it really does."""
    entries = plan.get("resource_drift", ())
    naming = _naming(plan, {_text(_id(entry)) for entry in entries if _id(entry)})
    for entry in entries:
        before, after = entry["change"].get("before"), entry["change"].get("after")
        if not isinstance(before, dict) or not isinstance(after, dict):
            yield entry  # it is gone
            continue
        declared = configuration.get(without_keys(entry["address"]))
        seen = _Seen(naming.get(_text(_id(entry)), ()), (declared and declared.configured) or frozenset())
        names = before.keys() | after.keys()
        quiet = {name for name in names if seen.quiet(name, before.get(name), after.get(name))}
        if names - quiet or entry.get("previous_address"):
            yield {**entry, "change": _silenced(entry["change"], quiet)}


def _silenced(change: Document, quiet: Collection[str]) -> Document:
    """A change in which these attributes stay as they were, as secret as they were."""
    told = dict(change)
    for key in ("after", "after_sensitive"):
        side, other = change.get(key), change.get(key.replace("after", "before"))
        if isinstance(side, dict) and isinstance(other, dict):
            kept = {name: value for name, value in side.items() if name not in quiet}
            told[key] = kept | {name: other[name] for name in quiet if name in other}
    return told


def _id(entry: Document) -> str:
    return str((entry["change"].get("before") or {}).get("id") or "")


def _naming(plan: Document, ids: Collection[str]) -> Mapping[str, list[_Other]]:
    """Id → the resources that hold it in their values, but the one whose id it is."""
    found: dict[str, list[_Other]] = {}
    for change in (one["change"] for one in plan.get("resource_changes", ())):
        values = change.get("before")
        if ids and isinstance(values, dict):
            other = _Other(values, frozenset(_leaves(values)))
            for one in other.leaves & frozenset(ids) - {_text(values.get("id"))}:
                found.setdefault(one, []).append(other)
    return found


@dataclass(frozen=True)
class _Other:
    """What a resource holds, and every single value in it."""

    values: Document
    leaves: frozenset[str]

    def made(self, part: Mapping[str, Any]) -> bool:
        """Whether it has all of it: under the same name where it has that name, else under any."""
        same = all(_plain(self.values[key]) == part.get(key) for key in self.values if key in part or key in _RANGE)
        return same and all(set(_leaves(item)) <= self.leaves for key, item in part.items() if key not in self.values)


@dataclass(frozen=True)
class _Seen:
    """One resource: those that name it, and what the configuration sets of it."""

    naming: Sequence[_Other]
    configured: Collection[str]

    def quiet(self, name: str, before: Any, after: Any) -> bool:
        """Whether nobody did this to an attribute."""
        was, now = _plain(before), _plain(after)
        if was == now:
            return True
        if name in self.configured:
            return False
        if isinstance(was or [], list) and isinstance(now or [], list):
            return self._list(was or [], now or [])
        return was is None and any(_plain(one.values.get(name)) == now for one in self.naming)

    def _list(self, was: Sequence[Any], now: Sequence[Any]) -> bool:
        known, left = set(map(_text, was)), set(map(_text, now))
        more = [one for one in now if _text(one) not in known]
        gone = [one for one in was if _text(one) not in left]
        return all(isinstance(one, dict) for one in gone) and all(
            any(other.made(part) for other in self.naming) for one in more for part in _parts(one)
        )


def _plain(value: Any) -> Any:
    """Without what only spells it: whatever is empty is None, and a list has one order."""
    if isinstance(value, dict):
        kept = {key: plain for key, item in value.items() if (plain := _plain(item)) is not None}
        return kept or None
    if isinstance(value, list):
        return sorted((_plain(item) for item in value), key=_text) or None
    return value or None


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    """A value with one element of one of its lists at a time: a security group writes several rules as one with several ranges."""
    if not isinstance(value, dict):
        yield {"": value}
        return
    single = {key: item for key, item in value.items() if not isinstance(item, list)}
    lists = [(key, item) for key, items in value.items() if isinstance(items, list) for item in items]
    yield from ({**single, key: item} for key, item in lists)
    if not lists:
        yield single


_RANGE: Final = ("from_port", "to_port")
"""Names by which something is a range: an end that is missing is not any end."""


def _leaves(value: Any) -> Iterator[str]:
    """Every single value, as JSON: 1 is not true."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    elif value is not None:
        yield _text(value)
