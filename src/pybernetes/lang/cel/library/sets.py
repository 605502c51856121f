"""Lists as sets: `sets.contains`, `sets.equivalent`, `sets.intersects`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..overloads import Overload, function
from ..types import BOOL, A, list_of
from ..values import equal


def _contains(whole: Sequence[Any], part: Sequence[Any]) -> bool:
    return all(any(equal(item, each) for each in whole) for item in part)


def _equivalent(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return _contains(a, b) and _contains(b, a)


def _intersects(a: Sequence[Any], b: Sequence[Any]) -> bool:
    return any(equal(item, each) for item in a for each in b)


OVERLOADS: tuple[Overload, ...] = (
    function("sets.contains", list_of(A), list_of(A), to=BOOL, run=_contains, heavy=True),
    function("sets.equivalent", list_of(A), list_of(A), to=BOOL, run=_equivalent, heavy=True),
    function("sets.intersects", list_of(A), list_of(A), to=BOOL, run=_intersects, heavy=True),
)
