"""Fields given twice in one JSON object: `duplicate field "spec.replicas"`.

The fast parser keeps the last of two equal keys and says nothing; only field validation needs to know of the first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_DETACHED_COLON = re.compile(rb'"[ \t\r\n]+:')


class Duplicate(str):
    """A line about a key that came twice. `order` is where each key stands in the body: (what is to be said of it, or its
    path) -> number."""

    order: Mapping[str, int]


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written."""


def surely_none(body: bytes, compact: bytes) -> bool:
    """Whether `body` certainly gives no key twice, judged without parsing it again. `compact` is what was parsed, as
    compact JSON: a key that came twice is there once.

    Every key is a quote and a colon. The two texts have equally many of them inside strings too, unless a string spells
    its quote as an escape.
    """
    if len(body) == len(compact):
        return True
    return (
        body.count(b'":') == compact.count(b'":')
        and b"\\u0022" not in body
        and _DETACHED_COLON.search(body) is None
    )


def duplicate_fields(body: bytes) -> list[str]:
    """A line (a `Duplicate`) for each key that occurs more than once, in the order of the body. Precondition: `body` is
    valid JSON."""
    order: dict[str, int] = {}
    found: list[Duplicate] = []
    for line in _walk(json.loads(body, object_pairs_hook=_Pairs), "", order):
        found.append(Duplicate(line))
        found[-1].order = order
    return [*found]


def _walk(tree: Any, path: str, order: dict[str, int]) -> Iterator[str]:
    if not isinstance(tree, _Pairs):
        for index, item in enumerate(tree if isinstance(tree, list) else ()):
            yield from _walk(item, f"{path}[{index}]", order)
        return
    prefix = f"{path}." if path else ""
    seen: set[str] = set()
    for key, value in tree:
        below = f"{prefix}{key}"
        line = f'duplicate field "{below}"'
        if key in seen and line not in order:
            order[line] = len(order)
            yield line
        seen.add(key)
        order.setdefault(below, len(order))
        yield from _walk(value, below, order)


def in_order(duplicates: Sequence[str], unknown: Sequence[str]) -> list[str]:
    """Both kinds of lines as Go's strict decoder tells them: in the order of the body."""
    lines = [*duplicates, *unknown]
    order = getattr(duplicates[0], "order", None) if duplicates and unknown else None
    if order is None:
        return lines
    last = len(order)
    return sorted(lines, key=lambda line: order.get(line, order.get(line.split('"')[1], last)))
