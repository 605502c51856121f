"""Fields given twice in one JSON object: `duplicate field "spec.replicas"`.

The fast parser keeps the last of two equal keys and says nothing; only field validation needs to know of the first.
"""

from __future__ import annotations

import json
import re
from typing import Any

_DETACHED_COLON = re.compile(rb'"[ \t\r\n]+:')


class _Doubled(dict[str, Any]):
    """A JSON object in which some keys came twice."""

    twice: tuple[str, ...] = ()


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
    """A line for each key that occurs more than once. Precondition: `body` is valid JSON."""
    seen = False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal seen
        tree = dict(items)
        if len(tree) == len(items):
            return tree
        seen = True
        doubled = _Doubled(tree)
        keys = [key for key, _ in items]
        doubled.twice = tuple(key for key in tree if keys.count(key) > 1)
        return doubled

    tree = json.loads(body, object_pairs_hook=pairs)
    return _lines(tree, "") if seen else []


def _lines(tree: Any, path: str) -> list[str]:
    if isinstance(tree, list):
        return [line for index, item in enumerate(tree) for line in _lines(item, f"{path}[{index}]")]
    if not isinstance(tree, dict):
        return []
    prefix = f"{path}." if path else ""
    own = [f'duplicate field "{prefix}{key}"' for key in getattr(tree, "twice", ())]
    return own + [line for key, value in tree.items() for line in _lines(value, f"{prefix}{key}")]
