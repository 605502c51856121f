"""Values that may be missing: `optional.of`, `orValue` and the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import CelError
from ..overloads import Overload, function, method
from ..types import BOOL, FREE, A, list_of, optional_of
from ..values import NONE, Optional, zero


def _value(optional: Optional) -> Any:
    if not optional.has:
        raise CelError("optional.none() dereference")
    return optional.value


def _unwrap(items: Sequence[Any]) -> list[Any]:
    return [item.value for item in items if item.has]


OVERLOADS: tuple[Overload, ...] = (
    function("optional.of", A, to=optional_of(A), run=lambda value: Optional(True, value)),
    function(
        "optional.ofNonZeroValue",
        A,
        to=optional_of(A),
        run=lambda value: NONE if zero(value) else Optional(True, value),
    ),
    function("optional.none", to=optional_of(FREE), run=lambda: NONE),
    function("optional.unwrap", list_of(optional_of(A)), to=list_of(A), run=_unwrap),
    method("unwrapOpt", list_of(optional_of(A)), to=list_of(A), run=_unwrap),
    method("hasValue", optional_of(A), to=BOOL, run=lambda optional: optional.has),
    method("value", optional_of(A), to=A, run=_value),
    method("or", optional_of(A), optional_of(A), to=optional_of(A), run=lambda a, b: a if a.has else b),
    method("orValue", optional_of(A), A, to=A, run=lambda a, b: a.value if a.has else b),
)
