"""What an expression may cost at most, before anything is known of the values but how large they can be.

The units and factors are cel-go's (`checker/cost.go`) and Kubernetes' for its own functions (`cel/library/cost.go`): they
decide which rules a CustomResourceDefinition may have, so they are part of the API. A size is the length of a text, a
list or a map; where nothing bounds it, it is `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from .nodes import (
    Call,
    Choice,
    Ident,
    ListLiteral,
    Literal,
    Logic,
    Macro,
    MapLiteral,
    Node,
    Select,
    Struct,
)
from .overloads import Overload
from .types import Type

UNKNOWN = 2**64 - 1
TRAVERSAL = 0.1
"""Per character that is looked at."""
PATTERN = 0.25
"""Per character of a regular expression."""
LIST_COST, MAP_COST, STRUCT_COST = 10, 30, 40
"""Of making one."""
CHECK_COST = 350_000
_SCALARS = frozenset({"bool", "double", "duration", "int", "timestamp", "uint"})
_BYTEWISE = frozenset({"string", "bytes"})

Path = tuple[str, ...] | None
"""A variable and the fields, "@items", "@keys" and "@values" below it; None for what is computed."""
SizeOf = Callable[[tuple[str, ...]], int | None]
"""How large the value at a path can be; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Size:
    """From least to most."""

    least: int
    most: int

    def plus(self, other: Size) -> Size:
        return Size(_most(self.least + other.least), _most(self.most + other.most))

    def times(self, other: Size) -> Size:
        return Size(_most(self.least * other.least), _most(self.most * other.most))

    def or_(self, other: Size) -> Size:
        return Size(min(self.least, other.least), max(self.most, other.most))

    def cost(self, factor: float) -> int:
        return _most(ceil(self.most * factor)) if self.most < UNKNOWN else _most(int(UNKNOWN * factor))


ANY = Size(0, UNKNOWN)
ONE = Size(1, 1)


def estimate(node: Node, size_of: SizeOf) -> int:
    """The most that evaluating a checked expression may cost."""
    return _Estimator(size_of).cost(node)


def _most(number: int) -> int:
    return min(number, UNKNOWN)


class _Estimator:
    def __init__(self, size_of: SizeOf) -> None:
        self._size_of = size_of
        self._sizes: dict[int, Size] = {}
        """Of computed values, by the identity of their nodes."""
        self._items: dict[int, Size] = {}
        """Of what is in computed lists."""
        self._bound: dict[str, tuple[Path, Size | None]] = {}
        """The variables of macros: where their values come from, and how large they are."""

    def cost(self, node: Node) -> int:
        match node:
            case Literal():
                return 0
            case Ident():
                return 1
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case Logic():
                return _most(sum(self.cost(part) for part in node.parts))
            case Choice():
                return self._choice(node)
            case ListLiteral():
                total = LIST_COST + sum(self.cost(item) for item in node.items)
                sizes = [self.size(item) for item in node.items]
                self._items[id(node)] = _union(sizes) if sizes else Size(0, 0)
                return _most(total)
            case MapLiteral():
                return _most(MAP_COST + sum(self.cost(e.key) + self.cost(e.value) for e in node.entries))
            case Struct():
                return _most(STRUCT_COST + sum(self.cost(entry.value) for entry in node.entries))
            case Macro():
                return self._macro(node)
        raise AssertionError(node)

    def _select(self, node: Select) -> int:
        if node.named is not None:
            return 1
        below = self.cost(node.operand)
        if node.test:
            return below
        if node.optional:
            return _most(below + 1)
        type_ = node.operand.type
        counted = type_.name == "map" or type_.fields is not None or type_.variable
        return _most(below + counted)

    def _choice(self, node: Choice) -> int:
        test, yes, no = self.cost(node.test), self.cost(node.yes), self.cost(node.no)
        self._sizes[id(node)] = self.size(node.yes).or_(self.size(node.no))
        items = [self._items.get(id(each)) for each in (node.yes, node.no)]
        if items[0] is not None and items[1] is not None:
            self._items[id(node)] = items[0].or_(items[1])
        return _most(test + max(yes, no))

    # ---- calls

    def _call(self, node: Call) -> int:
        arguments = sum(self.cost(each) for each in node.arguments)
        if node.function == "dyn":
            self._sizes[id(node)] = self.size(node.arguments[0])
            return _most(arguments + 1)
        own = max((self._function(node, overload) for overload in node.overloads), default=0)
        return _most(arguments + own)

    def _function(self, node: Call, overload: Overload) -> int:
        """The cost of one of the functions that a call may mean; notes how large its result is."""
        name, given = node.function, node.arguments
        kind = overload.params[0].name if overload.params else ""
        if name in ("_==_", "_!=_") or (name in ("_<_", "_<=_", "_>_", "_>=_") and kind in _BYTEWISE):
            smallest = min(self.size(given[0]).most, self.size(given[1]).most)
            return Size(0, smallest).cost(TRAVERSAL)
        if name == "_+_" and kind in ("string", "bytes", "list"):
            size = self._sizes[id(node)] = self.size(given[0]).plus(self.size(given[1]))
            items = [self._items.get(id(each)) for each in given]
            if items[0] is not None and items[1] is not None:
                self._items[id(node)] = items[0].or_(items[1])
            return 1 if kind == "list" else size.cost(TRAVERSAL)
        if name == "@in" and overload.params[1].name == "list":
            return self.size(given[1]).cost(1)
        if name == "_[_]" and (items_size := self._items.get(id(given[0]))) is not None:
            self._sizes[id(node)] = items_size
            return 1
        rule = _FUNCTIONS.get(name)
        return 1 if rule is None else rule(self, node, overload)

    # ---- macros

    def _macro(self, node: Macro) -> int:
        over = self.cost(node.range)
        if node.kind in ("optMap", "optFlatMap"):
            # target.hasValue() ? optional.of(bind(x, target.value(), body)) : optional.none()
            self._bound[node.slots[0]] = (None, None)
            wrapped = 0 if node.kind == "optFlatMap" else 1
            return _most(over + 1 + wrapped + LIST_COST + over + 1 + self.cost(node.bodies[0]))
        self._bind(node)
        bodies = [self.cost(body) for body in node.bodies]
        counted = self.size(node.range)
        before, each, after = _LOOPS[node.kind]
        self._note_result(node, counted)
        return _most(over + before + after + _most(counted.most * (each + sum(bodies))))

    def _bind(self, node: Macro) -> None:
        path, items = self.path(node.range), self._items.get(id(node.range))
        is_list = node.range.type.name == "list"
        first, second = ("@indices", "@items") if is_list else ("@keys", "@values")
        if len(node.slots) == 1:
            tail = "@items" if is_list else "@keys"
            self._bound[node.slots[0]] = ((*(path or ()), tail), items)
            return
        self._bound[node.slots[0]] = ((*(path or ()), first), ONE if items is not None else None)
        self._bound[node.slots[1]] = ((*(path or ()), second), items)

    def _note_result(self, node: Macro, counted: Size) -> None:
        if node.kind in ("all", "exists", "exists_one"):
            self._sizes[id(node)] = ONE
            return
        self._sizes[id(node)] = counted
        if node.kind in ("map", "transformList"):
            self._items[id(node)] = self.size(node.bodies[-1]).or_(Size(0, 0))
        elif node.kind == "filter":
            path, known = self._bound[node.slots[0]]
            self._items[id(node)] = (self._at(path, known) or ANY).or_(Size(0, 0))

    # ---- sizes

    def size(self, node: Node) -> Size:
        if (known := self._sizes.get(id(node))) is not None:
            return known
        match node:
            case Literal(value=str() | bytes()):
                return Size(len(node.value), len(node.value))
            case ListLiteral():
                return Size(len(node.items), len(node.items))
            case MapLiteral():
                return Size(len(node.entries), len(node.entries))
        bound = self._bound.get(node.slot) if isinstance(node, Ident) else None
        found = self._at(self.path(node), None)
        if found is None and node.type.name in _SCALARS:
            return ONE
        if found is None and bound is not None:
            found = bound[1]
        return ANY if found is None else found

    def _at(self, path: Path, known: Size | None) -> Size | None:
        most = self._size_of(path) if path else None
        return known if most is None else Size(0, most)

    def path(self, node: Node) -> Path:
        match node:
            case Ident():
                bound = self._bound.get(node.slot)
                return (node.name,) if bound is None else bound[0]
            case Select() if not node.test and not node.optional and node.named is None:
                above = self.path(node.operand)
                return (*(above or ()), node.field)
            case Call(function="_[_]"):
                above = self.path(node.arguments[0])
                tail = "@items" if node.arguments[0].type.name == "list" else "@values"
                return (*(above or ()), tail)
        return None

    def item_size(self, node: Node) -> Size:
        """How large the items of a list are."""
        if (known := self._items.get(id(node))) is not None:
            return known
        return self._at((*(self.path(node) or ()), "@items"), None) or ANY


def _union(sizes: Sequence[Size]) -> Size:
    whole = sizes[0]
    for size in sizes[1:]:
        whole = whole.or_(size)
    return whole


_LOOPS: Mapping[str, tuple[int, int, int]] = {
    "all": (0, 3, 1),
    "exists": (0, 4, 1),
    "exists_one": (0, 2, 2),
    "filter": (LIST_COST, 13, 1),
    "map": (LIST_COST, 12, 1),
    "transformList": (LIST_COST, 12, 1),
    "transformMap": (MAP_COST, 3, 1),
    "transformMapEntry": (MAP_COST, 2, 1),
    "sortBy": (2 * LIST_COST + 3, 12, 1),
}
"""What a macro makes of it: the cost before the loop, of each round besides its expressions, and after the loop."""

_Rule = Callable[[_Estimator, Call, Overload], int]


def _fixed(cost: int) -> _Rule:
    return lambda _estimator, _call, _overload: cost


def _through(argument: int, factor: float = TRAVERSAL, *, same: bool = False) -> _Rule:
    """Goes through an argument; the result is as large where `same` is set."""

    def rule(estimator: _Estimator, call: Call, _overload: Overload) -> int:
        size = estimator.size(call.arguments[argument])
        if same:
            estimator._sizes[id(call)] = size
        return size.cost(factor)

    return rule


def _of_list(estimator: _Estimator, call: Call, overload: Overload) -> int:
    """`sum`, `indexOf` and their kin: one for each item, and its characters; or a text is gone through."""
    size = estimator.size(call.arguments[0])
    params: Sequence[Type] = overload.params[0].params
    if not params:
        return size.cost(TRAVERSAL)
    each = 1
    actual = call.arguments[0].type.params
    if actual and actual[0].name in _BYTEWISE:
        each += estimator.item_size(call.arguments[0]).cost(TRAVERSAL)
    return _most(size.most * each)


def _pattern(estimator: _Estimator, call: Call, _overload: Overload) -> int:
    text = estimator.size(call.arguments[0])
    if call.function != "matches":
        estimator._sizes[id(call)] = Size(0, text.most)
    return _most(text.plus(ONE).cost(TRAVERSAL) * estimator.size(call.arguments[1]).cost(PATTERN))


def _contains(estimator: _Estimator, call: Call, overload: Overload) -> int:
    if overload.params[0].name not in _BYTEWISE:
        return 1
    text, part = (estimator.size(each) for each in call.arguments[:2])
    return _most(text.cost(TRAVERSAL) * part.cost(TRAVERSAL))


def _replace(estimator: _Estimator, call: Call, _overload: Overload) -> int:
    text, old, new = (estimator.size(each) for each in call.arguments[:3])
    count, kept = 0, 0
    if old.least == 0:
        count, kept = text.most + 1, text.most
    elif new.most <= old.least:
        kept = text.most
    else:
        count = ceil(text.most / old.least)
    estimator._sizes[id(call)] = Size(0, _most(count * new.most + kept))
    return text.cost(2 * TRAVERSAL)


def _split(estimator: _Estimator, call: Call, _overload: Overload) -> int:
    text = estimator.size(call.arguments[0])
    estimator._sizes[id(call)] = Size(0, text.most)
    return text.cost(2 * TRAVERSAL)


def _join(estimator: _Estimator, call: Call, _overload: Overload) -> int:
    count = estimator.size(call.arguments[0])
    size = count.times(estimator.item_size(call.arguments[0]))
    if len(call.arguments) > 1:
        between = Size(max(count.least - 1, 0), max(count.most - 1, 0))
        size = size.plus(estimator.size(call.arguments[1]).times(between))
    estimator._sizes[id(call)] = size
    return size.cost(TRAVERSAL)


def _to_bytes(estimator: _Estimator, call: Call, _overload: Overload) -> int:
    if call.arguments[0].type.name not in _BYTEWISE:
        return 1
    size = estimator.size(call.arguments[0])
    factor = 4 if call.function == "bytes" and call.arguments[0].type.name == "string" else 1
    estimator._sizes[id(call)] = Size(size.least // 4, _most(size.most * factor))
    return size.cost(TRAVERSAL) if call.function != call.arguments[0].type.name else 1


def _holds_address(estimator: _Estimator, call: Call, overload: Overload) -> int:
    cost = Size(8, 32).cost(TRAVERSAL)
    if call.function == "containsCIDR":
        cost += Size(4, 16).cost(TRAVERSAL) + 1
    if overload.params[1].name == "string":
        cost += estimator.size(call.arguments[1]).cost(TRAVERSAL)
    return _most(cost)


_FUNCTIONS: Mapping[str, _Rule] = {
    "check": _fixed(CHECK_COST),
    **dict.fromkeys(("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"), _of_list),
    "url": _through(0),
    **dict.fromkeys(("lowerAscii", "upperAscii", "substring", "trim"), _through(0, same=True)),
    "replace": _replace,
    "split": _split,
    "join": _join,
    **dict.fromkeys(("find", "findAll", "matches"), _pattern),
    "contains": _contains,
    **dict.fromkeys(("startsWith", "endsWith"), _through(1)),
    "format": _through(0),
    "strings.quote": _through(0),
    **dict.fromkeys(("bytes", "string"), _to_bytes),
    **dict.fromkeys(("containsIP", "containsCIDR"), _holds_address),
}
"""Functions whose cost is not 1."""
