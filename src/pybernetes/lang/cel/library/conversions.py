"""`int(x)`, `string(x)` and the like, `type(x)`, `dyn(x)`."""

from __future__ import annotations

import math
import re
from typing import Any

from ..errors import CelError
from ..overloads import Overload, function
from ..types import BOOL, BYTES, DOUBLE, DURATION, DYN, INT, STRING, TIMESTAMP, UINT, A, describe, type_of
from ..values import Duration, Timestamp, TypeValue, Uint
from .operators import natural, whole
from .times import duration, duration_text, timestamp, timestamp_text

_INT = re.compile(r"[+-]?[0-9]+")
_TRUTHS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def _not_read(type_: str) -> CelError:
    return CelError(f"type conversion error from 'string' to '{type_}'")


def _int_of(value: Any) -> int:
    if isinstance(value, Timestamp):
        return value.nanos // 1_000_000_000
    if isinstance(value, Duration):
        return value.nanos
    if isinstance(value, str):
        if not _INT.fullmatch(value):
            raise _not_read("int")
        return whole(int(value))
    if isinstance(value, float):
        # The largest doubles below 2^63 and above -2^63 are the bounds.
        if not -(2.0**63) < value < 2.0**63:
            raise CelError("integer overflow")
        return int(value)
    return whole(int(value))


def _uint_of(value: Any) -> Uint:
    if isinstance(value, str):
        if not (value.isascii() and value.isdecimal()):
            raise _not_read("uint")
        return natural(int(value))
    if isinstance(value, float) and not 0 <= value < 2.0**64:
        raise CelError("unsigned integer overflow")
    return natural(int(value))


def _double_of(value: Any) -> float:
    try:
        if isinstance(value, str) and "_" in value:
            raise ValueError
        return float(value)
    except ValueError:
        raise _not_read("double") from None


def double_text(value: float) -> str:
    """As Go's `strconv.FormatFloat(value, 'g', -1, 64)`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    mantissa, _, exponent = text.partition("e")
    if exponent:
        power = int(exponent)
    else:
        power = math.floor(math.log10(abs(value))) if value else 0
    if -5 < power < 21:
        if exponent:
            return f"{value:.{max(0, len(mantissa.replace('.', '').lstrip('-')) - 1 - power)}f}"
        return text.removesuffix(".0")
    if not exponent:
        mantissa = f"{value:.17e}".partition("e")[0].rstrip("0").rstrip(".")
    return f"{mantissa.removesuffix('.0')}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _string_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise CelError("invalid UTF-8 in bytes, cannot convert to string") from None
    if isinstance(value, Duration):
        return duration_text(value)
    if isinstance(value, Timestamp):
        return timestamp_text(value)
    return str(value)


def _bool_of(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in _TRUTHS:
        return _TRUTHS[value]
    raise _not_read("bool")


def _same(value: Any) -> Any:
    return value


def _seconds(value: int) -> Timestamp:
    return timestamp(value)


OVERLOADS: tuple[Overload, ...] = (
    *(function("int", t, to=INT, run=_int_of) for t in (INT, UINT, DOUBLE, STRING, TIMESTAMP, DURATION)),
    *(function("uint", t, to=UINT, run=_uint_of) for t in (UINT, INT, DOUBLE, STRING)),
    *(function("double", t, to=DOUBLE, run=_double_of) for t in (DOUBLE, INT, UINT, STRING)),
    *(
        function("string", t, to=STRING, run=_string_of)
        for t in (STRING, BOOL, INT, UINT, DOUBLE, BYTES, TIMESTAMP, DURATION)
    ),
    function("bytes", BYTES, to=BYTES, run=_same),
    function("bytes", STRING, to=BYTES, run=lambda text: text.encode(), heavy=True),
    *(function("bool", t, to=BOOL, run=_bool_of) for t in (BOOL, STRING)),
    function("duration", DURATION, to=DURATION, run=_same),
    function("duration", STRING, to=DURATION, run=duration),
    function("timestamp", TIMESTAMP, to=TIMESTAMP, run=_same),
    function("timestamp", STRING, to=TIMESTAMP, run=timestamp),
    function("timestamp", INT, to=TIMESTAMP, run=_seconds),
    function("dyn", A, to=DYN, run=_same),
    function("type", A, to=type_of(A), run=lambda value: TypeValue(describe(value))),
)
