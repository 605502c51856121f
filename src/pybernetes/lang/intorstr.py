"""Fields that hold a number or a percentage (`maxSurge: 25%`) or a number or a name (`targetPort: http`)."""

from __future__ import annotations

import re

_PERCENT = re.compile(r"[0-9]+%")


class IntOrStringError(ValueError):
    """The string is no percentage."""


def is_percent(value: int | str) -> bool:
    return isinstance(value, str) and _PERCENT.fullmatch(value) is not None


def percent_of(value: str) -> int:
    """25 for "25%". Raises IntOrStringError."""
    if not _PERCENT.fullmatch(value):
        raise IntOrStringError(
            f'invalid value for IntOrString: invalid type: string is not a percentage: "{value}"'
        )
    return int(value[:-1])


def scaled_value(value: int | str, total: int, *, round_up: bool) -> int:
    """A number as it is, a percentage as that share of `total`. Raises IntOrStringError."""
    if isinstance(value, int):
        return value
    share = percent_of(value) * total
    return -(-share // 100) if round_up else share // 100
