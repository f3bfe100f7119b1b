"""A value that must not be shown: wrapped where it is read, revealed only where it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn, TypeAlias

JSON: TypeAlias = Any
"""What JSON can hold: None, bool, int, float, str, and lists and string-keyed mappings of these (and `Sensitive` in their place)."""

MASK: Final = "***"


class Sensitive:
    """A JSON value that prints as `***`. Only `reveal` gives it back.

    It cannot be pickled or written as JSON: both are refused with a TypeError, so that a secret is never stored by accident.
    Equal by value, and hashable when the value is.
    """

    __slots__ = ("_value",)
    _value: JSON

    def __init__(self, value: JSON) -> None:
        object.__setattr__(self, "_value", value._value if isinstance(value, Sensitive) else value)

    def reveal(self) -> JSON:
        """The value itself. Call it as late as possible, and never for a message."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        return self._value == other._value if isinstance(other, Sensitive) else NotImplemented

    def __hash__(self) -> int:
        return hash((Sensitive, self._value))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Sensitive value cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Sensitive value cannot be changed")

    def __copy__(self) -> Sensitive:
        return self

    def __deepcopy__(self, memo: object) -> Sensitive:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Sensitive value cannot be pickled: pass a reference to the secret instead")


def sensitive_parts(value: JSON) -> Iterator[JSON]:
    """What the Sensitive wrappers inside a value hold: for a scrubber, and for nobody else."""
    if isinstance(value, Sensitive):
        yield value.reveal()
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from sensitive_parts(key)
            yield from sensitive_parts(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from sensitive_parts(item)


def contains_sensitive(value: JSON) -> bool:
    """Whether a Sensitive is anywhere inside: in lists, tuples, sets and mappings (keys and values)."""
    if isinstance(value, Sensitive):
        return True
    if isinstance(value, Mapping):
        return any(contains_sensitive(key) or contains_sensitive(item) for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return any(contains_sensitive(item) for item in value)
    return False


def reveal(value: JSON) -> JSON:
    """A copy with every Sensitive inside replaced by what it wraps. For the one place that hands it to a tool."""
    return _replace(value, lambda secret: reveal(secret.reveal()))


def mask(value: JSON) -> JSON:
    """A copy with every Sensitive inside replaced by `***`. Safe to print and to store."""
    return _replace(value, lambda _: MASK)


def _replace(value: JSON, change: Any) -> JSON:
    if isinstance(value, Sensitive):
        return change(value)
    if isinstance(value, Mapping):
        return {_replace(key, change): _replace(item, change) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a named tuple takes its fields one by one
        return type(value)(*(_replace(item, change) for item in value))
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(_replace(item, change) for item in value)
    return value
