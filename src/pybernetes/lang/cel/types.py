"""The types of CEL, as the checker knows them.

A `Type` is a name with parameters; objects also have fields, and every type knows the Python classes of its values, by
which a call on values of unknown type finds its overload when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .values import Bytes, Duration, Optional, Timestamp, TypeValue, Uint


@dataclass(frozen=True, slots=True)
class Type:
    """`fields` gives an object's fields: a mapping, or a function where any name may be one."""

    name: str
    params: tuple[Type, ...] = ()
    fields: Callable[[str], Field | None] | None = field(default=None, compare=False, repr=False)
    classes: tuple[type, ...] = field(default=(), compare=False, repr=False)
    variable: bool = False
    exact: bool = field(default=False, compare=False, repr=False)
    """Whether a subclass of `classes` is another type's (bool is no int)."""

    def __str__(self) -> str:
        if self.params:
            return f"{self.name}({', '.join(str(param) for param in self.params)})"
        return self.name

    def holds(self, cls: type) -> bool:
        """Whether values of the Python class are (or may be) of this type."""
        if not self.classes:
            return True
        return cls in self.classes if self.exact else issubclass(cls, self.classes)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object: `key` is its name in the value where expressions must spell it otherwise."""

    type: Type
    key: str


DYN = Type("dyn")
ERROR = Type("!error!")
FREE = Type("dyn", variable=True)
"""What is in an empty list: whatever it is joined with says."""
BOOL = Type("bool", classes=(bool,))
INT = Type("int", classes=(int,), exact=True)
UINT = Type("uint", classes=(Uint,))
DOUBLE = Type("double", classes=(float,))
STRING = Type("string", classes=(str,))
BYTES = Type("bytes", classes=(Bytes, bytes))
NULL = Type("null", classes=(type(None),))
TIMESTAMP = Type("timestamp", classes=(Timestamp,))
DURATION = Type("duration", classes=(Duration,))
A = Type("A", variable=True)
B = Type("B", variable=True)
_PLAIN = (BOOL, INT, UINT, DOUBLE, STRING, BYTES, NULL)


def list_of(item: Type) -> Type:
    return Type("list", (item,), classes=(list, tuple))


def map_of(key: Type, value: Type) -> Type:
    return Type("map", (key, value), classes=(Mapping,))


def type_of(what: Type) -> Type:
    return Type("type", (what,), classes=(TypeValue,))


def optional_of(what: Type) -> Type:
    return Type("optional_type", (what,), classes=(Optional,))


def opaque(name: str, *classes: type) -> Type:
    return Type(name, classes=classes)


def object_of(name: str, fields: Mapping[str, Type | Field]) -> Type:
    """An object with these fields and no others; its values are mappings."""
    table = {key: each if isinstance(each, Field) else Field(each, key) for key, each in fields.items()}
    return Type(name, fields=table.get, classes=(Mapping,))


def open_object(name: str, fields: Callable[[str], Field | None]) -> Type:
    """An object whose fields a function knows."""
    return Type(name, fields=fields, classes=(Mapping,))


def is_dyn(type_: Type) -> bool:
    return type_.name == "dyn" or type_.name == "!error!"


def assignable(expected: Type, actual: Type, bound: dict[str, Type]) -> bool:
    """Whether a value of `actual` may stand where `expected` is asked for; binds the type variables of `expected`."""
    if expected.variable:
        known = bound.get(expected.name)
        if known is None:
            bound[expected.name] = actual
            return True
        joined = join(known, actual)
        if joined is None:
            return False
        bound[expected.name] = joined
        return True
    if is_dyn(expected) or is_dyn(actual):
        return True
    if actual.name == "null" and expected.name != "null":
        return _nullable(expected)
    if expected.name == actual.name == "type":
        return True
    if expected.name != actual.name or len(expected.params) != len(actual.params):
        return False
    return all(assignable(e, a, bound) for e, a in zip(expected.params, actual.params, strict=True))


def join(a: Type, b: Type) -> Type | None:
    """The more general of two types that go together, or None."""
    if a == FREE:
        return b
    if b == FREE:
        return a
    if is_dyn(a):
        return a
    if is_dyn(b):
        return b
    if a == b or a.name == b.name == "type":
        return a
    if b.name == "null" and _nullable(a):
        return a
    if a.name == "null" and _nullable(b):
        return b
    if a.name != b.name or len(a.params) != len(b.params) or not a.params:
        return None
    params = [join(x, y) for x, y in zip(a.params, b.params, strict=True)]
    found = tuple(param for param in params if param is not None)
    return Type(a.name, found, classes=a.classes) if len(found) == len(params) else None


def _nullable(type_: Type) -> bool:
    return type_ not in _PLAIN and type_.name not in ("list", "map", "type")


def resolved(type_: Type, bound: Mapping[str, Type]) -> Type:
    """The type with its variables replaced."""
    if type_.variable and type_ != FREE:
        return bound.get(type_.name, DYN)
    if not type_.params:
        return type_
    return Type(type_.name, tuple(resolved(param, bound) for param in type_.params), classes=type_.classes)


NAMES: Mapping[str, Type] = {
    "bool": BOOL,
    "int": INT,
    "uint": UINT,
    "double": DOUBLE,
    "string": STRING,
    "bytes": BYTES,
    "null_type": NULL,
    "list": list_of(DYN),
    "map": map_of(DYN, DYN),
    "type": type_of(DYN),
    "optional_type": optional_of(DYN),
    "google.protobuf.Timestamp": TIMESTAMP,
    "google.protobuf.Duration": DURATION,
}
"""What expressions may say of types: `type(x) == int`."""


def describe(value: Any) -> str:
    """The name that `type(value)` has."""
    cls = type(value)
    for name, type_ in NAMES.items():
        if type_.holds(cls):
            return name
    return getattr(cls, "CEL_TYPE", "map")
