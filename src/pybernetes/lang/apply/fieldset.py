"""Sets of field paths, held in the very shape in which `fieldsV1` writes them: nested dicts.

`{"f:spec": {"f:replicas": {}, "f:template": {".": {}, "f:metadata": {}}}}` holds `.spec.replicas`, `.spec.template` and
`.spec.template.metadata`. A step is `f:name` (a field or a map's key), `k:{"name":"x"}` (a list's item by its keys),
`v:"x"` (a list's item by its value), `i:0` (by its index). A path is in the set where its node is empty or holds `.`.

Nodes are never changed once they are part of a set, so sets share branches. At the root `{}` is the empty set; below it
`{}` is a path that is in the set and has none below.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

FieldSet: TypeAlias = Mapping[str, Any]
Path: TypeAlias = tuple[str, ...]

ITSELF: Final = "."
EMPTY: Final[dict[str, Any]] = {}
"""The node of a path with nothing below it. Shared: never change it."""
_ALONE: Final[dict[str, Any]] = {ITSELF: EMPTY}
_KINDS: Final = ("f:", "k:", "v:", "i:")


class FieldSetError(ValueError):
    """The JSON is no `fieldsV1`."""


def parse(tree: Any) -> FieldSet:
    """The set that a decoded `fieldsV1` stands for: the same tree, checked. Raises FieldSetError."""
    if not isinstance(tree, dict):
        raise FieldSetError("fieldsV1 must be an object")
    for step, below in tree.items():
        if step == ITSELF:
            if below:
                raise FieldSetError('"." must be empty')
            continue
        if step[:2] not in _KINDS:
            raise FieldSetError(f"missing or unknown path element type: {step!r}")
        parse(below)
    return tree


def union(a: FieldSet, b: FieldSet) -> FieldSet:
    """Every path of either, in canonical order; `a` itself where it has all of `b`."""
    if not a:
        return b
    out: dict[str, Any] | None = None
    for step, node in b.items():
        own = a.get(step)
        if own is node:
            continue
        both = node if own is None else _both(own, node)
        if both is not own:
            if out is None:
                out = dict(a)
            out[step] = both
    if out is None:
        return a
    return in_order(out) if len(out) > len(a) else out


def _both(own: FieldSet, node: FieldSet) -> FieldSet:
    """The union below a step; `own` itself where it has all of `node`."""
    if not node:
        return own if not own or ITSELF in own else {ITSELF: EMPTY, **own}
    if not own:
        return node if ITSELF in node else {ITSELF: EMPTY, **node}
    return union(own, node)


def difference(a: FieldSet, b: FieldSet) -> FieldSet:
    """The paths of `a` that are not in `b`; `a` itself where that is all of them."""
    out: dict[str, Any] | None = None
    for step, taken in b.items():
        node = a.get(step)
        if node is None:
            continue
        if step == ITSELF:
            rest: FieldSet = EMPTY
        else:
            whole = node or _ALONE
            rest = difference(whole, taken or _ALONE)
            if rest is whole:
                continue
        if out is None:
            out = dict(a)
        if rest:
            out[step] = _folded(rest)
        else:
            del out[step]
    return a if out is None else out


def without(a: FieldSet, b: FieldSet) -> FieldSet:
    """`a` without the paths of `b` and everything below them (upstream's RecursiveDifference)."""
    out: dict[str, Any] | None = None
    for step, taken in b.items():
        node = a.get(step)
        if node is None:
            continue
        rest: FieldSet = EMPTY
        if taken and ITSELF not in taken:
            rest = node and without(node, taken)
            if rest is node:
                continue
        if out is None:
            out = dict(a)
        if rest:
            out[step] = rest
        else:
            del out[step]
    return a if out is None else out


def intersection(a: FieldSet, b: FieldSet) -> FieldSet:
    """The paths of both."""
    out: dict[str, Any] = {}
    for step, node in a.items():
        other = b.get(step)
        if other is None:
            continue
        if step == ITSELF:
            out[step] = EMPTY
        elif both := intersection(node or _ALONE, other or _ALONE):
            out[step] = _folded(both)
    return out


def contains(fields: FieldSet, path: Path) -> bool:
    """Whether the path itself is in the set."""
    node: Any = fields
    for step in path:
        node = node.get(step)
        if node is None:
            return False
    return not node or ITSELF in node


def single(path: Path) -> FieldSet:
    """The set of one path."""
    node: FieldSet = EMPTY
    for step in reversed(path):
        node = {step: node}
    return node


def paths(fields: FieldSet, above: Path = ()) -> Iterator[Path]:
    """The paths in upstream's order: of each node first what is in the set, then what lies below."""
    for step, node in fields.items():
        if step != ITSELF and (not node or ITSELF in node):
            yield (*above, step)
    for step, node in fields.items():
        if node:
            yield from paths(node, (*above, step))


def show(path: Path) -> str:
    """`.spec.containers[name="web"].image`: the form of conflicts."""
    return "".join(map(_show_step, path))


def _show_step(step: str) -> str:
    kind, text = step[:2], step[2:]
    if kind == "f:":
        return f".{text}"
    if kind == "k:":
        return f"[{','.join(f'{key}={_json(value)}' for key, value in json.loads(text).items())}]"
    return f"[={_json(json.loads(text))}]" if kind == "v:" else f"[{text}]"


def key_step(keys: Mapping[str, Any]) -> str:
    """The step to a list's item with these keys, which must be sorted by name."""
    return f"k:{_json(keys)}"


@lru_cache(maxsize=4096)
def name_step(key: str, value: str) -> str:
    """The step to a list's item with one key whose value is a string."""
    return f"k:{_json({key: value})}"


@lru_cache(maxsize=4096)
def text_step(value: str) -> str:
    """The step to a string in a list that is a set."""
    return f"v:{_json(value)}"


def value_step(value: Any) -> str:
    """The step to any item of a list that is a set."""
    return f"v:{_json(value)}"


def in_order(node: Mapping[str, Any]) -> dict[str, Any]:
    """One node with its steps in canonical order."""
    steps = sorted(node)
    if len(steps) > 1 and steps[-1][0] in "kv":
        steps.sort(key=_rank)
    return {step: node[step] for step in steps}


@lru_cache(maxsize=4096)
def _rank(step: str) -> tuple[Any, ...]:
    """Fields by name, then items by their keys, then values; numbers before strings, by value."""
    kind = step[:1]
    if kind == "k":
        return (2, *((key, *_value_rank(value)) for key, value in json.loads(step[2:]).items()))
    if kind == "v":
        return (3, _value_rank(json.loads(step[2:])))
    return (4, (step,)) if kind == "i" else (1, (step,))


def _value_rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool):
        return 2, value
    if isinstance(value, (int, float)):
        return 0, value
    return (1, value) if isinstance(value, str) else (3, _json(value))


def _folded(node: FieldSet) -> FieldSet:
    return EMPTY if len(node) == 1 and ITSELF in node else node


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
