"""Lists: Kubernetes' functions (`isSorted`, `sum`, `min`, `max`, `indexOf`) and cel-go's extension (`sort`, `slice`, ...)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import CelError
from ..overloads import Overload, function, method
from ..types import BOOL, BYTES, DOUBLE, DURATION, DYN, INT, STRING, TIMESTAMP, UINT, A, Type, list_of
from ..values import Duration, Uint, equal
from .operators import natural, whole

_ORDERED = (INT, UINT, DOUBLE, BOOL, DURATION, TIMESTAMP, STRING, BYTES)


def _compared(run: Callable[[Sequence[Any]], Any]) -> Callable[[Sequence[Any]], Any]:
    def checked(items: Sequence[Any]) -> Any:
        try:
            return run(items)
        except TypeError:
            raise CelError("no such overload") from None

    return checked


def _is_sorted(items: Sequence[Any]) -> bool:
    return all(not items[i + 1] < items[i] for i in range(len(items) - 1))


def _sum(items: Sequence[Any]) -> Any:
    if not items:
        return 0
    first = items[0]
    if isinstance(first, Duration):
        return Duration(whole(sum(item.nanos for item in items)))
    if isinstance(first, bool | str | bytes) or any(isinstance(item, bool) for item in items):
        raise CelError("no such overload")
    if isinstance(first, Uint):
        return natural(sum(map(int, items)))
    total = sum(items)
    return whole(total) if isinstance(total, int) else total


def _min(items: Sequence[Any]) -> Any:
    if not items:
        raise CelError("min called on empty list")
    return min(items)


def _max(items: Sequence[Any]) -> Any:
    if not items:
        raise CelError("max called on empty list")
    return max(items)


def _index_of(items: Sequence[Any], wanted: Any) -> int:
    return next((index for index, item in enumerate(items) if equal(item, wanted)), -1)


def _last_index_of(items: Sequence[Any], wanted: Any) -> int:
    return next((index for index in range(len(items) - 1, -1, -1) if equal(items[index], wanted)), -1)


def _distinct(items: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if not any(equal(item, each) for each in found):
            found.append(item)
    return found


def _flatten(items: Sequence[Any], depth: int = 1) -> list[Any]:
    if depth < 0:
        raise CelError("level must be non-negative")
    found: list[Any] = []
    for item in items:
        if depth and isinstance(item, list | tuple):
            found += _flatten(item, depth - 1)
        else:
            found.append(item)
    return found


def _range(count: int) -> list[int]:
    if count > 1_000_000:
        raise CelError("operation cancelled: actual cost limit exceeded")
    return list(range(count))


def _slice(items: Sequence[Any], start: int, end: int) -> list[Any]:
    if start < 0 or end < 0:
        raise CelError(f"cannot slice({start}, {end}), negative indexes not supported")
    if start > end:
        raise CelError(f"cannot slice({start}, {end}), start index must be less than or equal to end index")
    if end > len(items):
        raise CelError(f"cannot slice({start}, {end}), list is length {len(items)}")
    return list(items[start:end])


def _of(
    name: str, kinds: Sequence[Type], run: Callable[..., Any], to: Type | None = None
) -> tuple[Overload, ...]:
    checked = _compared(run)
    return tuple(method(name, list_of(kind), to=to or kind, run=checked, heavy=True) for kind in kinds)


OVERLOADS: tuple[Overload, ...] = (
    *_of("isSorted", _ORDERED, _is_sorted, BOOL),
    *_of("sum", (INT, UINT, DOUBLE, DURATION), _sum),
    *_of("min", _ORDERED, _min),
    *_of("max", _ORDERED, _max),
    method("indexOf", list_of(A), A, to=INT, run=_index_of, heavy=True),
    method("lastIndexOf", list_of(A), A, to=INT, run=_last_index_of, heavy=True),
    method("distinct", list_of(A), to=list_of(A), run=_distinct, heavy=True),
    method("flatten", list_of(A), to=list_of(DYN), run=_flatten, heavy=True),
    method("flatten", list_of(A), INT, to=list_of(DYN), run=_flatten, heavy=True),
    method("reverse", list_of(A), to=list_of(A), run=lambda items: list(reversed(items)), heavy=True),
    method("slice", list_of(A), INT, INT, to=list_of(A), run=_slice, heavy=True),
    *(
        method("sort", list_of(kind), to=list_of(kind), run=_compared(sorted), heavy=True)
        for kind in _ORDERED
    ),
    function("lists.range", INT, to=list_of(INT), run=_range),
)
