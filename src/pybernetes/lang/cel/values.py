"""The values of CEL that Python has no own kind for, and equality.

bool, int, float, str, None, lists and mappings stand for themselves. `Uint` and `Bytes` are Python's with a name of
their own; durations and timestamps count nanoseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .errors import CelError

INT_MIN, INT_MAX, UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1


class Uint(int):
    """An unsigned integer of 64 bits."""

    __slots__ = ()


Bytes = bytes


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    nanos: int


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """Nanoseconds since 1970 in UTC."""

    nanos: int


@dataclass(frozen=True, slots=True)
class TypeValue:
    """What `type(x)` gives."""

    name: str


class Optional:
    """A value that may be missing: what `?.` and `[?]` give."""

    __slots__ = ("has", "value")
    CEL_TYPE: ClassVar[str] = "optional_type"

    def __init__(self, has: bool, value: Any = None) -> None:
        self.has = has
        self.value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Optional) or self.has != other.has:
            return False
        return not self.has or equal(self.value, other.value)

    def __hash__(self) -> int:
        return hash(self.has)

    def __repr__(self) -> str:
        return f"optional({self.value!r})" if self.has else "optional.none()"


NONE = Optional(False)


class UnorderedList(list[Any]):
    """A list whose order means nothing (`x-kubernetes-list-type` set or map): it equals another with the same items,
    and adding to it merges. `keys` are the fields that identify an item of a map list; none for a set."""

    keys: tuple[str, ...] = ()

    def identity(self, item: Any) -> Any:
        return tuple(item.get(key) for key in self.keys) if self.keys else item

    def merged(self, other: list[Any]) -> UnorderedList:
        """Items of `other` replace those of the same identity, else follow."""
        made = UnorderedList(self)
        made.keys = self.keys
        where = {_hashable(self.identity(item)): index for index, item in enumerate(made)}
        for item in other:
            identity = _hashable(self.identity(item))
            if identity in where:
                made[where[identity]] = item
            else:
                where[identity] = len(made)
                made.append(item)
        return made


def _hashable(value: Any) -> Any:
    if isinstance(value, list):
        return ("list", *(_hashable(item) for item in value))
    if isinstance(value, Mapping):
        return ("map", frozenset((key, _hashable(item)) for key, item in value.items()))
    return (type(value) is bool, value)


def equal(a: Any, b: Any) -> bool:
    """CEL's equality: numbers by their value whatever their type, never a bool with a number; no error ever."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list | tuple):
        if not isinstance(b, list | tuple) or len(a) != len(b):
            return False
        if isinstance(a, UnorderedList):
            return _same_items(a, list(b))
        return all(map(equal, a, b))
    if isinstance(a, Mapping):
        if not isinstance(b, Mapping) or len(a) != len(b):
            return False
        return all(key in b and equal(value, b[key]) for key, value in a.items())
    return bool(a == b)


def _same_items(a: UnorderedList, b: list[Any]) -> bool:
    rest = {_hashable(item) for item in b}
    return all(_hashable(item) in rest for item in a)


def lookup(table: Mapping[Any, Any], key: Any) -> Any:
    """`table[key]`. Raises KeyError; a key of a type that cannot be one is a CelError."""
    if isinstance(key, str):
        return table[key]
    if not isinstance(key, int | float):
        raise CelError(f"no such key: {show(key)}")
    # Python takes True for 1; CEL does not.
    value = table[key]
    if isinstance(key, bool) != isinstance(next(iter(table)), bool):
        raise KeyError(key)
    return value


def show(value: Any) -> str:
    """A value in an error message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def zero(value: Any) -> bool:
    """Whether it is its type's zero value: what `optional.ofNonZeroValue` drops."""
    if isinstance(value, Duration | Timestamp):
        return value.nanos == 0
    if isinstance(value, Optional):
        return not value.has
    return value is None or (
        isinstance(value, bool | int | float | str | bytes | list | tuple | Mapping) and not value
    )
