"""The parsed expression. Every node knows its offset in the source, and after checking its type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .types import DYN, Type

if TYPE_CHECKING:
    from .overloads import Overload


@dataclass(slots=True, kw_only=True)
class Node:
    at: int
    type: Type = DYN


@dataclass(slots=True)
class Literal(Node):
    value: Any


@dataclass(slots=True)
class Ident(Node):
    """`slot` is where its value is found: the name, or one of its own for the variable of a macro."""

    name: str
    slot: str = ""
    meaning: Any = None
    """The type that it names, for the name of a type."""


@dataclass(slots=True)
class Select(Node):
    """`operand.field`, `operand.?field`, `has(operand.field)`."""

    operand: Node
    field: str
    optional: bool = False
    test: bool = False
    key: str = ""
    """What the field is called in the value."""
    named: Any = None
    """The type that the whole chain names (`google.protobuf.Timestamp`)."""


@dataclass(slots=True)
class Call(Node):
    """An operator (`_+_`), a function or a member function; `overloads` are those that may be meant."""

    function: str
    target: Node | None
    args: list[Node]
    overloads: tuple[Overload, ...] = ()
    arguments: list[Node] = field(default_factory=list)
    """The target, where there is one, and the arguments."""


@dataclass(slots=True)
class Logic(Node):
    """`a && b && c`, or with `||`: one node, so that long chains are not deep. `ats` are the operators' places."""

    function: str
    parts: list[Node]
    ats: list[int]


@dataclass(slots=True)
class Choice(Node):
    test: Node
    yes: Node
    no: Node


@dataclass(slots=True)
class ListLiteral(Node):
    items: list[Node]
    optional: frozenset[int] = frozenset()


@dataclass(slots=True)
class Entry:
    key: Node
    value: Node
    optional: bool


@dataclass(slots=True)
class MapLiteral(Node):
    entries: list[Entry]


@dataclass(slots=True)
class FieldEntry:
    at: int
    field: str
    value: Node
    optional: bool


@dataclass(slots=True)
class Struct(Node):
    """`Object.spec{replicas: 1}`."""

    name: str
    entries: list[FieldEntry]


@dataclass(slots=True)
class Macro(Node):
    """`range.all(x, body)` and its kin: `names` are bound to each item (to index and item, key and value) in `bodies`."""

    kind: str
    range: Node
    names: tuple[str, ...]
    bodies: list[Node]
    slots: tuple[str, ...] = ()
