"""What distinguishes two versions of an object, in words: one line for each field that differs.

Lists of named entries are compared by name, conditions by their type, so that a line says which entry changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

NOT_TOLD = ("managedFields", "resourceVersion", "generation", "lastHeartbeatTime", "lastUpdateTime")
LONGEST = 60
"""Characters of a value."""


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """`status.phase: Pending → Running`, `spec.containers[c].image: a → b`, `condition Ready: False → True`."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*before, *(name for name in after if name not in before)]:
            if name not in NOT_TOLD:
                yield from differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif _all_have(before, "type", "status") and _all_have(after, "type", "status"):
        old = {entry["type"]: entry for entry in before or ()}
        for entry in after or ():
            was, now = old.get(entry["type"], {}).get("status", "none"), entry["status"]
            if was != now:
                yield f"condition {entry['type']}: {was} → {now}"
    elif before and after and _are_named(before) and _are_named(after):
        old, new = ({entry["name"]: entry for entry in entries} for entries in (before, after))
        for name in [*old, *(name for name in new if name not in old)]:
            yield from differences(old.get(name), new.get(name), f"{path}[{name}]")
    else:
        yield f"{path}: {_short(before)} → {_short(after)}"


def _all_have(tree: Any, *fields: str) -> bool:
    return tree is None or (
        isinstance(tree, list) and all(isinstance(e, Mapping) and {*fields} <= e.keys() for e in tree)
    )


def _are_named(tree: Any) -> bool:
    return _all_have(tree, "name") and len({entry["name"] for entry in tree}) == len(tree)


def _short(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "…"
