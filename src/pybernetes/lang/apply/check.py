"""What is wrong with an applied configuration by its schema, in the words of upstream's `structured-merge-diff`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .fieldset import Path, show
from .typed import DEDUCED, LIST_SET, MAP, STRUCT, Type, item_step


def problems(value: Any, of: Type) -> str:
    """One text for all that is wrong, "" where nothing is."""
    found = list(_check(value, of, ()))
    return found[0] if len(found) == 1 else "\n  ".join(["errors:", *found]) if found else ""


def _check(value: Any, of: Type, at: Path) -> Iterator[str]:
    if value is None or of.shape == DEDUCED:
        return
    if of.scalar:
        yield from _check_scalar(value, of.scalar, at)
    elif of.shape == STRUCT or of.shape == MAP or (of.schema is not None and of.schema.shape != "list"):
        yield from _check_map(value, of, at)
    elif not isinstance(value, list):
        yield _line(at, f"expected list, got {_go(value)}")
    elif of.keys or of.shape == LIST_SET:
        yield from _check_items(value, of, at)
    elif of.schema is not None and (items := of.schema.items()) is not None:
        below = Type(items)
        for index, each in enumerate(value):
            yield from _check(each, below, (*at, f"i:{index}"))


def _check_map(value: Any, of: Type, at: Path) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield _line(at, f"expected map, got {_go(value)}")
        return
    schema = of.schema
    for name in sorted(value):
        step = (*at, f"f:{name}")
        if of.shape == STRUCT or (schema is not None and schema.shape == "struct"):
            if not of.declares(name) and (schema is None or schema.field(name) is None):
                if schema is None or not schema.preserve:
                    yield _line(step, "field not declared in schema")
                continue
            yield from _check(value[name], of.child(name)[1], step)
        else:
            below = of.item if of.shape == MAP else Type(schema.field("")) if schema is not None else None
            if below is not None:
                yield from _check(value[name], below, step)


def _check_items(value: list[Any], of: Type, at: Path) -> Iterator[str]:
    seen: set[str] = set()
    for index, each in enumerate(value):
        if of.keys:
            if not isinstance(each, Mapping):
                yield _line(at, f"element {index}: associative list with keys may not have non-map elements")
                continue
            missing = [key for key in of.keys if each.get(key) is None and of.defaults.get(key) is None]
            if len(missing) == len(of.keys):
                names = " ".join(json.dumps(key) for key in missing)
                yield _line(
                    at,
                    f"element {index}: associative list with keys has an element that omits all keys fields "
                    f"[{names}] (and doesn't have default values for any key fields)",
                )
                continue
        elif isinstance(each, (Mapping, list)):
            yield _line(at, f"element {index}: expected scalar")
            continue
        step = item_step(each, of)
        if step in seen:
            yield _line(at, f"duplicate entries for key {show((step,))}")
        seen.add(step)
        yield from _check(each, of.item, (*at, step))


def _check_scalar(value: Any, shape: str, at: Path) -> Iterator[str]:
    if shape == "any":
        return
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    wanted = {
        "string": ("string", isinstance(value, str)),
        "number": ("numeric (int or float)", is_number),
        "boolean": ("boolean", isinstance(value, bool)),
        "scalar": ("any scalar", isinstance(value, (str, int, float, bool))),
    }[shape]
    if not wanted[1]:
        yield _line(at, f"expected {wanted[0]}, got {_go(value)}")


def _line(at: Path, what: str) -> str:
    return f"{show(at)}: {what}" if at else what


def _go(value: Any) -> str:
    """A value as Go's `%v` shows upstream's wrapper of it."""
    return f"&value.valueUnstructured{{Value:{_go_value(value)}}}"


def _go_value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{json.dumps(k)}:{_go_value(v)}" for k, v in sorted(value.items()))
        return f"map[string]interface {{}}{{{inner}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(_go_value, value))}}}"
    return str(value)
