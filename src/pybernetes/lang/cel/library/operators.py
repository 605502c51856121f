"""Arithmetic, comparison, `size`, `in`, `[]`. Integers are of 64 bits and never wrap."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from ..errors import CelError
from ..overloads import Overload, either, function
from ..types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    INT,
    STRING,
    TIMESTAMP,
    UINT,
    A,
    B,
    Type,
    list_of,
    map_of,
    optional_of,
)
from ..values import INT_MAX, INT_MIN, UINT_MAX, Uint, UnorderedList


def whole(value: int) -> int:
    """The value of an int operation. Raises CelError where it does not fit."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise CelError("integer overflow")


def natural(value: int) -> Uint:
    if 0 <= value <= UINT_MAX:
        return Uint(value)
    raise CelError("unsigned integer overflow")


def _quotient(a: int, b: int) -> int:
    """Rounded towards zero."""
    if b == 0:
        raise CelError("division by zero")
    value = abs(a) // abs(b)
    return value if (a < 0) == (b < 0) else -value


def _remainder(a: int, b: int) -> int:
    """With the sign of `a`."""
    if b == 0:
        raise CelError("modulus by zero")
    value = abs(a) % abs(b)
    return -value if a < 0 else value


def _divide(a: float, b: float) -> float:
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1, b)


def _int(run: Callable[[int, int], int]) -> Callable[[int, int], int]:
    return lambda a, b: whole(run(a, b))


def _uint(run: Callable[[int, int], int]) -> Callable[[int, int], int]:
    return lambda a, b: natural(run(int(a), int(b)))


def _list_plus(a: Any, b: Any) -> list[Any]:
    if isinstance(a, UnorderedList):
        return a.merged(list(b))
    return [*a, *b]


def _numbers(name: str, run: Callable[[Any, Any], Any]) -> list[Overload]:
    return [
        function(name, INT, INT, to=INT, run=_int(run)),
        function(name, UINT, UINT, to=UINT, run=_uint(run)),
    ]


def _orders() -> list[Overload]:
    numbers = (INT, UINT, DOUBLE)
    found: list[Overload] = []
    for name, run in (
        ("_<_", operator.lt),
        ("_<=_", operator.le),
        ("_>_", operator.gt),
        ("_>=_", operator.ge),
    ):
        found += [
            function(name, type_, type_, to=BOOL, run=run, heavy=type_ is STRING)
            for type_ in (BOOL, STRING, BYTES, TIMESTAMP, DURATION)
        ]
        found += [function(name, a, b, to=BOOL, run=run) for a in numbers for b in numbers]
    return found


def _not(value: bool) -> bool:
    return not value


def _never(*_: Any) -> Any:
    raise AssertionError("compiled in line")


def _sizes() -> list[Overload]:
    kinds: tuple[Type, ...] = (STRING, BYTES, list_of(A), map_of(A, B))
    return [each for kind in kinds for each in either("size", kind, to=INT, run=len)]


OVERLOADS: tuple[Overload, ...] = (
    *_numbers("_+_", operator.add),
    *_numbers("_-_", operator.sub),
    *_numbers("_*_", operator.mul),
    *_numbers("_/_", _quotient),
    *_numbers("_%_", _remainder),
    function("_+_", DOUBLE, DOUBLE, to=DOUBLE, run=operator.add),
    function("_-_", DOUBLE, DOUBLE, to=DOUBLE, run=operator.sub),
    function("_*_", DOUBLE, DOUBLE, to=DOUBLE, run=operator.mul),
    function("_/_", DOUBLE, DOUBLE, to=DOUBLE, run=_divide),
    function("_+_", STRING, STRING, to=STRING, run=operator.add, heavy=True),
    function("_+_", BYTES, BYTES, to=BYTES, run=operator.add, heavy=True),
    function("_+_", list_of(A), list_of(A), to=list_of(A), run=_list_plus),
    function("-_", INT, to=INT, run=lambda a: whole(-a)),
    function("-_", DOUBLE, to=DOUBLE, run=operator.neg),
    function("!_", BOOL, to=BOOL, run=_not),
    *_orders(),
    *_sizes(),
    function("_==_", A, A, to=BOOL, run=_never),
    function("_!=_", A, A, to=BOOL, run=_never),
    function("@in", A, list_of(A), to=BOOL, run=_never),
    function("@in", A, map_of(A, B), to=BOOL, run=_never),
    function("_[_]", list_of(A), INT, to=A, run=_never),
    function("_[_]", map_of(A, B), A, to=B, run=_never),
    function("_[_]", optional_of(list_of(A)), INT, to=optional_of(A), run=_never),
    function("_[_]", optional_of(map_of(A, B)), A, to=optional_of(B), run=_never),
    function("_[?_]", list_of(A), INT, to=optional_of(A), run=_never),
    function("_[?_]", map_of(A, B), A, to=optional_of(B), run=_never),
    function("_[?_]", optional_of(list_of(A)), INT, to=optional_of(A), run=_never),
    function("_[?_]", optional_of(map_of(A, B)), A, to=optional_of(B), run=_never),
)
