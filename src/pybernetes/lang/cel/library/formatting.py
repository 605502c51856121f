"""`'%s is %d'.format([name, count])`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import CelError
from ..overloads import Overload, method
from ..types import DYN, STRING, describe, list_of
from ..values import Duration, Timestamp, TypeValue, Uint
from .conversions import double_text
from .times import duration_text, timestamp_text

_CLAUSE = re.compile(r"%(%|(?:\.([0-9]+))?([a-zA-Z])?)")
_DEFAULT_PRECISION = 6


def _format(text: str, values: Sequence[Any]) -> str:
    used = 0

    def one(match: re.Match[str]) -> str:
        nonlocal used
        whole, precision, verb = match.groups()
        if whole == "%":
            return "%"
        if verb is None:
            raise CelError("unexpected end of string")
        if used >= len(values):
            raise CelError(f"index {used} out of range")
        value = values[used]
        used += 1
        try:
            return _clause(verb, value, int(precision) if precision else _DEFAULT_PRECISION)
        except CelError as error:
            raise CelError(f"error during formatting: {error}") from error

    return _CLAUSE.sub(one, text)


def _clause(verb: str, value: Any, precision: int) -> str:
    match verb:
        case "s":
            return _string(value)
        case "d":
            return _decimal(value)
        case "f":
            return _float(value, f".{precision}f", "fixed-point")
        case "e":
            return _scientific(value, precision)
        case "b":
            return _based(value, "b", "binary")
        case "o":
            return _based(value, "o", "octal")
        case "x" | "X":
            return _hexadecimal(value, verb)
    raise CelError(f'unrecognized formatting clause "{verb}"')


def _string(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, Uint | int):
        return str(int(value))
    if isinstance(value, float):
        return _special(value) or double_text(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Duration):
        return duration_text(value)
    if isinstance(value, Timestamp):
        return timestamp_text(value)
    if isinstance(value, TypeValue):
        return value.name
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_string, value))}]"
    if isinstance(value, Mapping):
        pairs = sorted((_string(key), _string(item)) for key, item in value.items())
        return f"{{{', '.join(f'{key}: {item}' for key, item in pairs)}}}"
    raise CelError(
        "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and "
        f"timestamps, was given {describe(value)}"
    )


def _special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return ""


def _decimal(value: Any) -> str:
    if isinstance(value, float) and (special := _special(value)):
        return special
    if isinstance(value, bool) or not isinstance(value, int):
        raise CelError(f"decimal clause can only be used on integers, was given {describe(value)}")
    return str(int(value))


def _float(value: Any, form: str, name: str) -> str:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CelError(f"{name} clause can only be used on doubles, was given {describe(value)}")
    return _special(float(value)) or format(float(value), form)


def _scientific(value: Any, precision: int) -> str:
    return _float(value, f".{precision}e", "scientific")


def _based(value: Any, form: str, name: str) -> str:
    if isinstance(value, bool) and form == "b":
        return "1" if value else "0"
    if isinstance(value, bool) or not isinstance(value, int):
        allowed = "integers and bools" if form == "b" else "integers"
        raise CelError(f"{name} clause can only be used on {allowed}, was given {describe(value)}")
    return format(int(value), form)


def _hexadecimal(value: Any, form: str) -> str:
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return value.hex() if form == "x" else value.hex().upper()
    if isinstance(value, bool) or not isinstance(value, int):
        raise CelError(
            "only integers, byte buffers, and strings can be formatted as hex, was given " + describe(value)
        )
    return format(int(value), form)


OVERLOADS: tuple[Overload, ...] = (
    method("format", STRING, list_of(DYN), to=STRING, run=_format, heavy=True),
)
