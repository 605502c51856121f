"""Macros: calls that are no calls, because they bind a variable or look at the shape of an argument."""

from __future__ import annotations

from .nodes import Ident, Macro, Node, Select


class BadMacro(ValueError):
    """A macro with the wrong kind of argument, at an offset."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at


_SHAPES: dict[tuple[str, int], tuple[str, int]] = {
    ("all", 2): ("all", 1),
    ("exists", 2): ("exists", 1),
    ("exists_one", 2): ("exists_one", 1),
    ("existsOne", 2): ("exists_one", 1),
    ("filter", 2): ("filter", 1),
    ("map", 2): ("map", 1),
    ("map", 3): ("map", 1),
    ("all", 3): ("all", 2),
    ("exists", 3): ("exists", 2),
    ("exists_one", 3): ("exists_one", 2),
    ("existsOne", 3): ("exists_one", 2),
    ("transformList", 3): ("transformList", 2),
    ("transformList", 4): ("transformList", 2),
    ("transformMap", 3): ("transformMap", 2),
    ("transformMap", 4): ("transformMap", 2),
    ("transformMapEntry", 3): ("transformMapEntry", 2),
    ("transformMapEntry", 4): ("transformMapEntry", 2),
    ("optMap", 2): ("optMap", 1),
    ("optFlatMap", 2): ("optFlatMap", 1),
    ("sortBy", 2): ("sortBy", 1),
}
"""(name, arguments) -> what it is, and how many of the arguments are names."""


def expand(name: str, target: Node | None, args: list[Node], at: int) -> Node | None:
    """The node of a macro, or None for an ordinary call. Raises BadMacro."""
    if target is None:
        return _has(args, at) if name == "has" and len(args) == 1 else None
    if name == "bind" and len(args) == 3 and isinstance(target, Ident) and target.name == "cel":
        return _bind(args, at)
    shape = _SHAPES.get((name, len(args)))
    if shape is None:
        return None
    kind, count = shape
    names = []
    for each in args[:count]:
        if not isinstance(each, Ident):
            raise BadMacro(each.at, _complaint(kind))
        names.append(each.name)
    if len(set(names)) < count:
        raise BadMacro(args[1].at, f"duplicate variable name: {names[1]}")
    return Macro(kind, target, tuple(names), args[count:], at=at)


def _complaint(kind: str) -> str:
    if kind in ("optMap", "optFlatMap"):
        return f"{kind}() variable name must be a simple identifier"
    return "argument must be a simple name"


def _bind(args: list[Node], at: int) -> Node:
    """`cel.bind(name, value, body)`."""
    name, value, body = args
    if not isinstance(name, Ident):
        raise BadMacro(name.at, "cel.bind() variable names must be simple identifiers")
    return Macro("bind", value, (name.name,), [body], at=at)


def _has(args: list[Node], at: int) -> Node:
    argument = args[0]
    if not isinstance(argument, Select) or argument.test or argument.optional:
        raise BadMacro(argument.at, "invalid argument to has() macro")
    return Select(argument.operand, argument.field, test=True, at=at)
