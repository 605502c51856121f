"""Types of an expression: every name is known, every operator fits, every field exists. Annotates the tree.

Values of type `dyn` (an object of unknown schema) fit everywhere; what they turn out to be is checked when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from .errors import CelError, CelTypeError, Problem
from .library.regex import matches
from .library.times import duration, timestamp
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
from .overloads import Functions, Overload
from .types import (
    BOOL,
    DYN,
    ERROR,
    FREE,
    INT,
    NAMES,
    NULL,
    STRING,
    Type,
    assignable,
    is_dyn,
    join,
    list_of,
    map_of,
    optional_of,
    resolved,
    type_of,
)

Structs = Callable[[str], Type | None]
"""The object type of a name in a literal `Name{...}`."""


BIND = "cel.bind"
"""The variable whose declaration says that an environment has this macro: most do not."""

_WRITTEN: Mapping[tuple[str, int], Callable[..., object]] = {
    ("duration", 1): duration,
    ("timestamp", 1): timestamp,
    ("matches", 2): matches,
}
"""Functions whose last argument is read while checking where it is a literal."""


class Checker:
    def __init__(
        self,
        text: str,
        variables: Mapping[str, Type],
        functions: Functions,
        structs: Structs,
        names: Mapping[str, Type],
    ) -> None:
        self.text = text
        self.functions = functions
        self.structs = structs
        self.names = {**NAMES, **names}
        self.problems: list[Problem] = []
        self._scopes: dict[str, tuple[str, Type]] = {name: (name, type_) for name, type_ in variables.items()}
        self._numbers = count(1)

    def check(self, node: Node) -> Type:
        """The type of the whole. Raises CelTypeError with all that is wrong."""
        type_ = self.visit(node)
        if self.problems:
            raise CelTypeError(self.text, self.problems)
        return type_

    def fail(self, at: int, message: str) -> Type:
        self.problems.append(Problem(at, message))
        return ERROR

    def undeclared(self, at: int, name: str) -> Type:
        return self.fail(at, f"undeclared reference to '{name}' (in container '')")

    def visit(self, node: Node) -> Type:
        match node:
            case Literal():
                node.type = _literal(node.value)
            case Ident():
                node.type = self.ident(node)
            case Select():
                node.type = self.select(node)
            case Call():
                node.type = self.call(node)
            case Logic():
                node.type = self.logic(node)
            case Choice():
                node.type = self.choice(node)
            case ListLiteral():
                node.type = self.list_literal(node)
            case MapLiteral():
                node.type = self.map_literal(node)
            case Struct():
                node.type = self.struct(node)
            case Macro():
                node.type = self.macro(node)
        return node.type

    # ---- names

    def ident(self, node: Ident) -> Type:
        if (found := self._scopes.get(node.name)) is not None:
            node.slot, type_ = found
            return type_
        if (named := self.names.get(node.name)) is not None:
            node.meaning = node.name
            return type_of(named)
        return self.undeclared(node.at, node.name)

    def select(self, node: Select) -> Type:
        node.key = node.field
        chain = _chain(node)
        if chain and chain in self.names and chain.partition(".")[0] not in self._scopes:
            node.named = chain
            return type_of(self.names[chain])
        operand = self.visit(node.operand)
        wrapped = operand.name == "optional_type"
        target = operand.params[0] if wrapped and operand.params else operand
        found = self.field(node, target)
        if node.test:
            return BOOL
        return optional_of(found) if (node.optional or wrapped) and found is not ERROR else found

    def field(self, node: Select, target: Type) -> Type:
        if is_dyn(target):
            return DYN if target is not ERROR else ERROR
        if target.name == "map":
            return target.params[1] if target.params else DYN
        if target.fields is not None:
            found = target.fields(node.field)
            if found is None:
                return self.fail(node.at, f"undefined field '{node.field}'")
            node.key = found.key
            return found.type
        return self.fail(node.at, f"type '{target}' does not support field selection")

    # ---- calls

    def call(self, node: Call) -> Type:
        qualified = self.qualified(node)
        if qualified:
            node.function, node.target = qualified, None
        arguments = [*([node.target] if node.target is not None else ()), *node.args]
        node.arguments = arguments
        types = [self.argument(node, each) for each in arguments]
        overloads = self.functions.named(node.function)
        if not overloads:
            return self.undeclared(node.at, node.function)
        member = node.target is not None
        fitting: list[Overload] = []
        results: list[Type] = []
        for overload in overloads:
            if overload.member != member or len(overload.params) != len(types):
                continue
            bound: dict[str, Type] = {}
            if all(assignable(p, a, bound) for p, a in zip(overload.params, types, strict=True)):
                fitting.append(overload)
                results.append(resolved(overload.result, bound))
        if not fitting:
            if any(type_ is ERROR for type_ in types):
                return ERROR
            shown = ", ".join(str(type_) for type_ in types)
            applied = f"{types[0]}.({', '.join(map(str, types[1:]))})" if member else f"({shown})"
            return self.fail(
                node.at, f"found no matching overload for '{node.function}' applied to '{applied}'"
            )
        node.overloads = tuple(fitting)
        self.literals(node)
        return results[0] if all(result == results[0] for result in results) else DYN

    def argument(self, call: Call, node: Node) -> Type:
        if call.function == "format" and isinstance(node, ListLiteral):
            # What is formatted may be of different types; no other list may.
            for item in node.items:
                self.visit(item)
            node.type = list_of(DYN)
            return node.type
        return self.visit(node)

    def literals(self, node: Call) -> None:
        """Complains of a duration, a time or a pattern that is written out and none."""
        check = _WRITTEN.get((node.function, len(node.arguments)))
        if check is None:
            return
        literal = node.arguments[-1]
        if isinstance(literal, Literal) and isinstance(literal.value, str):
            try:
                check(*("" for _ in node.arguments[1:]), literal.value)
            except CelError:
                self.fail(literal.at, f"invalid {node.function} argument")

    def qualified(self, node: Call) -> str:
        """`sets.contains(...)` is a function with a point in its name, unless there is a variable `sets`."""
        if node.target is None:
            return ""
        chain = _chain(node.target)
        if not chain or chain.partition(".")[0] in self._scopes:
            return ""
        name = f"{chain}.{node.function}"
        return name if self.functions.named(name) else ""

    def logic(self, node: Logic) -> Type:
        types = [self.visit(part) for part in node.parts]
        for index, type_ in enumerate(types):
            if type_ != BOOL and not is_dyn(type_):
                pair = f"({type_}, {types[1]})" if index == 0 else f"(bool, {type_})"
                self.fail(
                    node.ats[max(index - 1, 0)],
                    f"found no matching overload for '{node.function}' applied to '{pair}'",
                )
        return BOOL

    def choice(self, node: Choice) -> Type:
        test, yes, no = self.visit(node.test), self.visit(node.yes), self.visit(node.no)
        joined = join(yes, no)
        if joined is None or not (test == BOOL or is_dyn(test)):
            shown = f"({test}, {yes}, {no})"
            return self.fail(node.at, f"found no matching overload for '_?_:_' applied to '{shown}'")
        return joined

    # ---- literals

    def joined(self, nodes: list[tuple[Node, bool]]) -> Type:
        """The one type of several expressions (of what is in them, where an expression is an optional)."""
        whole: Type | None = None
        for node, optional in nodes:
            type_ = self.visit(node)
            if optional:
                if type_.name == "optional_type":
                    type_ = type_.params[0]
                elif not is_dyn(type_):
                    self.fail(node.at, f"expected type 'optional_type(dyn)' but found '{type_}'")
            if whole is None:
                whole = type_
                continue
            both = join(whole, type_)
            if both is None:
                self.fail(node.at, f"expected type '{whole}' but found '{type_}'")
            else:
                whole = both
        if whole is None:
            return FREE
        return DYN if whole is ERROR else whole

    def list_literal(self, node: ListLiteral) -> Type:
        return list_of(self.joined([(item, index in node.optional) for index, item in enumerate(node.items)]))

    def map_literal(self, node: MapLiteral) -> Type:
        keys = self.joined([(entry.key, False) for entry in node.entries])
        return map_of(keys, self.joined([(entry.value, entry.optional) for entry in node.entries]))

    def struct(self, node: Struct) -> Type:
        type_ = self.structs(node.name)
        if type_ is None or type_.fields is None:
            self.undeclared(node.at, node.name)
            for entry in node.entries:
                self.visit(entry.value)
            return ERROR
        for entry in node.entries:
            given = self.visit(entry.value)
            found = type_.fields(entry.field)
            if found is None:
                self.fail(entry.at, f"undefined field '{entry.field}'")
                continue
            wanted = optional_of(found.type) if entry.optional else found.type
            if not assignable(wanted, given, {}):
                self.fail(
                    entry.at,
                    f"expected type of field '{entry.field}' is '{wanted}' but provided type is '{given}'",
                )
        return type_

    # ---- macros

    def macro(self, node: Macro) -> Type:
        over = self.visit(node.range)
        types = self.bound(node, over)
        saved = dict(self._scopes)
        node.slots = tuple(f"{name}@{next(self._numbers)}" for name in node.names)
        for name, slot, type_ in zip(node.names, node.slots, types, strict=True):
            self._scopes[name] = (slot, type_)
        bodies = [self.visit(body) for body in node.bodies]
        self._scopes = saved
        return self.outcome(node, over, bodies)

    def bound(self, node: Macro, over: Type) -> tuple[Type, ...]:
        """The types of the variables."""
        if node.kind == "bind":
            if BIND not in self._scopes:
                self.undeclared(node.at, "cel")
            return (over,)
        if node.kind in ("optMap", "optFlatMap"):
            if over.name == "optional_type":
                return (over.params[0],)
            if not is_dyn(over):
                self.fail(node.at, f"found no matching overload for 'hasValue' applied to '{over}.()'")
            return (DYN,)
        if over.name == "list":
            return over.params if len(node.names) == 1 else (INT, *over.params)
        if over.name == "map" and node.kind != "sortBy":
            return over.params[: len(node.names)]
        if not is_dyn(over):
            self.fail(
                node.range.at,
                f"expression of type '{over}' cannot be range of a comprehension (must be list, map, or dynamic)",
            )
        return (DYN,) * len(node.names)

    def outcome(self, node: Macro, over: Type, bodies: list[Type]) -> Type:
        kind, last = node.kind, bodies[-1]
        if kind in ("all", "exists", "exists_one", "filter") or len(bodies) == 2:
            self.need_bool(node.bodies[0], bodies[0], kind)
        match kind:
            case "bind":
                return last
            case "all" | "exists" | "exists_one":
                return BOOL
            case "filter":
                return over if over.name == "list" else list_of(over.params[0] if over.name == "map" else DYN)
            case "map" | "transformList":
                return list_of(last)
            case "transformMap":
                return map_of(
                    over.params[0] if over.name == "map" else INT if over.name == "list" else DYN, last
                )
            case "transformMapEntry":
                return last if last.name == "map" else map_of(DYN, DYN)
            case "optMap":
                return optional_of(last)
            case "optFlatMap":
                return last if last.name == "optional_type" else optional_of(DYN)
        return over if over.name == "list" else list_of(DYN)

    def need_bool(self, body: Node, type_: Type, kind: str) -> None:
        if type_ == BOOL or is_dyn(type_):
            return
        if kind in ("all", "exists"):
            operator = "_&&_" if kind == "all" else "_||_"
            self.fail(body.at, f"found no matching overload for '{operator}' applied to '(bool, {type_})'")
        else:
            result = "int, int" if kind == "exists_one" else "list(dyn), list(dyn)"
            self.fail(body.at, f"found no matching overload for '_?_:_' applied to '({type_}, {result})'")


def _literal(value: object) -> Type:
    if value is None:
        return NULL
    for name in ("bool", "int", "uint", "double", "string", "bytes"):
        if NAMES[name].holds(type(value)):
            return NAMES[name]
    return STRING


def _chain(node: Node) -> str:
    """`a.b.c` of plain names, else nothing."""
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select) and not node.optional and not node.test and (above := _chain(node.operand)):
        return f"{above}.{node.field}"
    return ""
