"""Cells that the tables of many kinds share, as upstream's printers write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pybernetes.lang import timestamps
from pybernetes.lang.durations import human_duration

from .kind import Cell, Column
from .meta import Obj


def name_cell(obj: Obj, _now: float) -> Cell:
    return str(obj["metadata"].get("name", ""))


def age_cell(obj: Obj, now: float) -> Cell:
    return since(obj["metadata"].get("creationTimestamp"), now)


def since(moment: str | None, now: float) -> str:
    """How long ago an RFC 3339 time was; `<unknown>` for none."""
    return human_duration(now - timestamps.parse(moment)) if moment else "<unknown>"


NAME = Column("Name", name_cell, format="name")
AGE = Column("Age", age_cell)


def at(*path: str, default: Cell = "") -> Callable[[Obj, float], Cell]:
    """A cell that reads one field: `at("spec", "replicas", default=0)`."""

    def cell(obj: Obj, _now: float) -> Cell:
        value = dig(obj, *path)
        return default if value is None else value

    return cell


def dig(tree: Any, *path: str) -> Any:
    """The value below `path`, None where a step is missing."""
    for step in path:
        if not tree:
            return None
        tree = tree.get(step)
    return tree


def format_labels(labels: Any) -> str:
    """`a=1,b=2` in the order of keys, `<none>` for none."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) if labels else "<none>"


def format_selector(selector: Any) -> str:
    """A label selector as kubectl's `-l` would take it; `<none>` for an empty one."""
    if not selector or not (selector.get("matchLabels") or selector.get("matchExpressions")):
        return "<none>"
    parts = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    parts += [(each["key"], _expression(each)) for each in selector.get("matchExpressions") or ()]
    return ",".join(text for _, text in sorted(parts))


def _expression(requirement: Any) -> str:
    key, operator = requirement["key"], requirement["operator"]
    values = ",".join(sorted(requirement.get("values") or ()))
    match operator:
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "DoesNotExist":
            return f"!{key}"
        case _:
            return str(key)


def container_cells(*path: str) -> tuple[Column, Column]:
    """The wide columns Containers and Images of the pod spec below `path`."""

    def joined(field: str) -> Callable[[Obj, float], Cell]:
        return lambda obj, _now: ",".join(
            str(each.get(field, "")) for each in dig(obj, *path, "containers") or ()
        )

    return (
        Column("Containers", joined("name"), priority=1),
        Column("Images", joined("image"), priority=1),
    )


def selector_column(*path: str) -> Column:
    return Column("Selector", lambda obj, _now: format_selector(dig(obj, *path)), priority=1)


def joined_or_none(values: Iterable[str]) -> str:
    return ",".join(values) or "<none>"
