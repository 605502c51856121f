"""From a checked tree to nested Python functions: each node becomes one that takes the `Frame` and returns its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .comprehensions import comprehension
from .errors import CelError
from .frames import Frame, Run
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
from .overloads import Dispatch, Overload
from .types import describe
from .values import NONE, Optional, TypeValue, equal, lookup, show

_TRUTH = (bool,)


def compiled(node: Node) -> Run:
    """The node as a function."""
    match node:
        case Literal():
            return _constant(node.value)
        case Ident():
            return _constant(TypeValue(node.meaning)) if node.meaning else _variable(node.slot)
        case Select():
            return _select(node)
        case Call():
            return _call(node)
        case Logic():
            parts = [compiled(part) for part in node.parts]
            return _all(parts, stop=node.function == "_||_")
        case Choice():
            return _choice(compiled(node.test), compiled(node.yes), compiled(node.no))
        case ListLiteral():
            return _list([(compiled(item), index in node.optional) for index, item in enumerate(node.items)])
        case MapLiteral():
            return _map([(compiled(e.key), compiled(e.value), e.optional) for e in node.entries])
        case Struct():
            return _map(
                [(_constant(e.field), compiled(e.value), e.optional) for e in node.entries], node.name
            )
        case Macro():
            return comprehension(node, compiled(node.range), [compiled(body) for body in node.bodies])
    raise AssertionError(node)


def _constant(value: Any) -> Run:
    return lambda _frame: value


def _variable(slot: str) -> Run:
    def run(frame: Frame) -> Any:
        frame.cost += 1
        try:
            return frame.values[slot]
        except KeyError:
            raise CelError(f"no such attribute(s): {slot}") from None

    return run


# ---- fields and items


def _select(node: Select) -> Run:
    if node.named:
        return _constant(TypeValue(node.named))
    operand, key, optional = compiled(node.operand), node.key, node.optional

    def test(frame: Frame) -> Any:
        frame.cost += 1
        value = operand(frame)
        if isinstance(value, Optional):
            return value.has and isinstance(value.value, Mapping) and key in value.value
        if isinstance(value, Mapping):
            return key in value
        raise CelError("no such overload")

    def run(frame: Frame) -> Any:
        frame.cost += 1
        value = operand(frame)
        try:
            return value[key]
        except KeyError:
            raise CelError(f"no such key: {key}") from None
        except (TypeError, IndexError):
            pass
        if isinstance(value, Optional):
            return _optional_item(value, key)
        raise CelError("no such overload")

    def run_optional(frame: Frame) -> Any:
        frame.cost += 1
        return _optional_item(operand(frame), key)

    return test if node.test else run_optional if optional else run


def _optional_item(value: Any, key: Any) -> Optional:
    """`value.?key`, `value[?key]`."""
    if isinstance(value, Optional):
        if not value.has:
            return NONE
        value = value.value
    if isinstance(value, Mapping):
        try:
            return Optional(True, lookup(value, key))
        except KeyError:
            return NONE
    if isinstance(value, list | tuple):
        if isinstance(key, bool) or not isinstance(key, int | float) or key != int(key):
            raise CelError("no such overload")
        return Optional(True, value[int(key)]) if 0 <= key < len(value) else NONE
    raise CelError("no such overload")


def _item(value: Any, key: Any) -> Any:
    """`value[key]`."""
    if isinstance(value, Mapping):
        try:
            return lookup(value, key)
        except KeyError:
            raise CelError(f"no such key: {show(key)}") from None
    if isinstance(value, list | tuple):
        if isinstance(key, bool) or not isinstance(key, int | float) or key != int(key):
            raise CelError(f"unsupported index type '{describe(key)}' in list")
        if 0 <= key < len(value):
            return value[int(key)]
        raise CelError(f"index out of bounds: {int(key)}")
    if isinstance(value, Optional):
        return _optional_item(value, key)
    raise CelError("no such overload")


def _contained(item: Any, whole: Any) -> bool:
    """`item in whole`."""
    if isinstance(whole, Mapping):
        if isinstance(item, str):
            return item in whole
        try:
            lookup(whole, item)
        except (KeyError, CelError):
            return False
        return True
    if isinstance(whole, list | tuple):
        return any(equal(item, each) for each in whole)
    raise CelError("no such overload")


def _unequal(a: Any, b: Any) -> bool:
    return not equal(a, b)


_SPECIAL: Mapping[str, Callable[[Any, Any], Any]] = {
    "_[_]": _item,
    "_[?_]": _optional_item,
    "_==_": equal,
    "_!=_": _unequal,
    "@in": _contained,
}
"""Operators on values of any type."""


# ---- calls


def _call(node: Call) -> Run:
    arguments = [compiled(argument) for argument in node.arguments]
    special = _SPECIAL.get(node.function)
    if special is not None:
        return _binary(special, *arguments, searching=node.function == "@in")
    if len(node.overloads) == 1 and not _loose(node):
        return _direct(node.overloads[0], arguments)
    return _dispatched(Dispatch(node.overloads), arguments)


def _loose(node: Call) -> bool:
    """Whether an argument's type is not known well enough to do without looking."""
    for param, argument in zip(node.overloads[0].params, node.arguments, strict=True):
        if argument.type.name in ("dyn", "null") and not param.variable and param.name != "dyn":
            return True
    return False


def _binary(run: Callable[[Any, Any], Any], left: Run, right: Run, *, searching: bool) -> Run:
    def call(frame: Frame) -> Any:
        a, b = left(frame), right(frame)
        frame.spend(len(b) if searching and isinstance(b, list) else 1)
        return run(a, b)

    return call


def _direct(overload: Overload, arguments: list[Run]) -> Run:
    run, heavy, cost = overload.run, overload.heavy, overload.cost
    if heavy or len(arguments) > 2 or not arguments:

        def call_many(frame: Frame) -> Any:
            values = [argument(frame) for argument in arguments]
            frame.spend(cost + _weight(values) if heavy else cost)
            return run(*values)

        return call_many
    first = arguments[0]
    if len(arguments) == 1:

        def call_one(frame: Frame) -> Any:
            frame.spend(cost)
            return run(first(frame))

        return call_one
    second = arguments[1]

    def call_two(frame: Frame) -> Any:
        frame.spend(cost)
        return run(first(frame), second(frame))

    return call_two


def _dispatched(dispatch: Dispatch, arguments: list[Run]) -> Run:
    find = dispatch.find

    def call(frame: Frame) -> Any:
        values = [argument(frame) for argument in arguments]
        overload = find(tuple(map(type, values)))
        frame.spend(overload.cost + _weight(values) if overload.heavy else overload.cost)
        return overload.run(*values)

    return call


def _weight(values: list[Any]) -> int:
    """A tenth of the characters, rounded up: what going through strings costs."""
    return sum(-(-len(value) // 10) for value in values if isinstance(value, str | bytes | list))


# ---- logic: an error counts only where the other side does not decide


def _all(parts: list[Run], *, stop: bool) -> Run:
    """`||` where `stop` is True, `&&` where it is False: the value that decides."""

    def run(frame: Frame) -> Any:
        failure: CelError | None = None
        for part in parts:
            try:
                value = part(frame)
            except CelError as error:
                failure = failure or error
                continue
            if value is stop:
                return stop
            if not isinstance(value, bool):
                failure = failure or CelError("no such overload")
        if failure is not None:
            raise failure
        return not stop

    return run


def _choice(test: Run, yes: Run, no: Run) -> Run:
    def run(frame: Frame) -> Any:
        decided = test(frame)
        if decided is True:
            return yes(frame)
        if decided is False:
            return no(frame)
        raise CelError("no such overload")

    return run


# ---- literals


def _list(items: list[tuple[Run, bool]]) -> Run:
    if not any(optional for _, optional in items):
        runs = [run for run, _ in items]

        def plain(frame: Frame) -> Any:
            frame.spend(10)
            return [run(frame) for run in runs]

        return plain

    def run(frame: Frame) -> Any:
        frame.spend(10)
        made = []
        for each, optional in items:
            value = each(frame)
            if not optional:
                made.append(value)
            elif _present(value):
                made.append(value.value)
        return made

    return run


def _map(entries: list[tuple[Run, Run, bool]], name: str = "") -> Run:
    def run(frame: Frame) -> Any:
        frame.spend(40 if name else 30)
        made: dict[Any, Any] = ObjectValue(name) if name else {}
        for key, value, optional in entries:
            k, v = key(frame), value(frame)
            if not isinstance(k, str | int | float) or isinstance(k, float):
                raise CelError("unsupported key type")
            if k in made:
                raise CelError(f"Failed with repeated key: {show(k)}")
            if not optional:
                made[k] = v
            elif _present(v):
                made[k] = v.value
        return made

    return run


def _present(value: Any) -> bool:
    if not isinstance(value, Optional):
        raise CelError("no such overload")
    return value.has


class ObjectValue(dict[str, Any]):
    """What `Name{...}` makes: a mapping that knows its type's name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
