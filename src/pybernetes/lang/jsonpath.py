"""kubectl's JSONPath: templates such as `{.spec.replicas}` or `{range .items[*]}{.metadata.name}{"\\n"}{end}`.

Fields (`.a`, `['a.b']`, `.a\\.b`), indexes and slices (`[0]`, `[-1]`, `[1:3]`, `[::2]`), `*`, unions (`['a','b']`), recursive
descent (`..name`), filters (`[?(@.type=="Ready")]`), literals, `range`/`end`, `$` and `@`. `parse` once, then `find` or
`render` on any number of trees; both are pure. As upstream's `client-go/util/jsonpath`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .jsonpath_parser import (
    Field,
    Filter,
    JsonPathError,
    Node,
    Operand,
    Parser,
    Path,
    Recursive,
    Slice,
    Step,
    Text,
    Union,
    Wildcard,
)

__all__ = ["JsonPathError", "Template", "parse", "relaxed", "show"]


def parse(template: str) -> Template:
    """The template. Raises JsonPathError."""
    return Template(Parser(template).nodes())


def relaxed(expression: str) -> str:
    """What kubectl makes of a path that lacks braces or the leading dot: `spec.x` and `.spec.x` are `{.spec.x}`."""
    inner = expression.removeprefix("{").removesuffix("}")
    return f"{{{inner if inner.startswith(('.', '[', '$', '@')) else f'.{inner}'}}}"


class Template:
    """A parsed template."""

    __slots__ = ("nodes",)

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self.nodes = nodes

    def find(self, tree: Any, *, missing: bool = True) -> list[list[Any]]:
        """A list of results per path of the template, ranges repeated. `missing` False: raises JsonPathError for a
        field that is not there."""
        return [found for _, found in self._walk(self.nodes, tree, tree, missing) if found is not None]

    def values(self, tree: Any) -> list[Any]:
        """All results in one list; what is not there gives none."""
        return [value for found in self.find(tree) for value in found]

    def render(self, tree: Any, *, missing: bool = True) -> str:
        """The text: results of one path are joined by a space, trees are compact JSON."""
        parts = []
        for text, found in self._walk(self.nodes, tree, tree, missing):
            parts.append(text if found is None else " ".join(show(value) for value in found))
        return "".join(parts)

    def _walk(
        self, nodes: tuple[Node, ...], root: Any, at: Any, missing: bool
    ) -> Iterator[tuple[str, list[Any] | None]]:
        for node in nodes:
            if isinstance(node, Text):
                yield node.text, None
            elif isinstance(node, Path):
                yield "", _follow(node, root, at, missing)
            else:
                for value in _follow(node.over, root, at, missing):
                    yield from self._walk(node.body, root, value, missing)


def show(value: Any) -> str:
    """One result as text."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


# ---- evaluation


def _follow(path: Path, root: Any, at: Any, missing: bool) -> list[Any]:
    values = [root if path.rooted else at]
    for step in path.steps:
        values = _step(step, values, root, missing)
    return values


def _step(step: Step, values: list[Any], root: Any, missing: bool) -> list[Any]:
    match step:
        case Field(name):
            return list(_fields(values, name, missing))
        case Wildcard():
            return [below for value in values for below in _children(value)]
        case Recursive():
            return [below for value in values for below in _descend(value)]
        case Slice():
            return [item for value in values for item in _slice(step, value, missing)]
        case Union(parts):
            found: list[Any] = []
            for part in parts:
                below = values
                for inner in part:
                    below = _step(inner, below, root, missing)
                found += below
            return found
        case Filter():
            return [i for value in values for i in _children(value) if _accepts(step, root, i)]


def _fields(values: list[Any], name: str, missing: bool) -> Iterator[Any]:
    for value in values:
        if isinstance(value, Mapping):
            if name in value:
                yield value[name]
            elif not missing:
                raise JsonPathError(f"{name} is not found")
        elif value is not None and not missing and not isinstance(value, Sequence):
            raise JsonPathError(f"{name} is not found")


def _children(value: Any) -> Sequence[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if _is_list(value) else ()


def _descend(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping) or _is_list(value):
        yield value
        for below in _children(value):
            yield from _descend(below)


def _slice(step: Slice, value: Any, missing: bool) -> Sequence[Any]:
    if not _is_list(value):
        if value is None or missing:
            return ()
        raise JsonPathError(f"{show(value)} is not array or slice")
    if step.single:
        assert step.start is not None
        if -len(value) <= step.start < len(value):
            return [value[step.start]]
        if missing:
            return ()
        raise JsonPathError(f"array index out of bounds: index {step.start}, length {len(value)}")
    part: Sequence[Any] = value[step.start : step.end : step.step]
    return part


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _accepts(filter_: Filter, root: Any, item: Any) -> bool:
    left = _operand(filter_.left, root, item)
    if not filter_.operator:
        return bool(left)
    right = _operand(filter_.right, root, item)
    if not left or not right:
        return False
    a, b = left[0], right[0]
    if isinstance(a, bool) != isinstance(b, bool) or isinstance(a, str) != isinstance(b, str):
        return filter_.operator == "!="
    try:
        return _COMPARE[filter_.operator](a, b)
    except TypeError:
        return False


_COMPARE = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
}


def _operand(operand: Operand, root: Any, item: Any) -> list[Any]:
    if isinstance(operand, Path):
        return _follow(operand, root, item, missing=True)
    return [operand]
