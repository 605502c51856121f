"""How many pods an update may take away or add at a time: a number, or a percentage of them."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import intorstr

from ..fielderrors import FieldErrors
from .deployment import int_or_percent

__all__ = ["at_most_all", "int_or_percent", "is_zero"]


def at_most_all(value: Any, field: str, errors: FieldErrors) -> None:
    """A percentage is 100% at most."""
    if isinstance(value, str) and intorstr.is_percent(value) and intorstr.percent_of(value) > 100:
        errors.invalid(value, "must not be greater than 100%", field)


def is_zero(value: Any) -> bool:
    """Whether it is 0, 0%, absent, or cannot be read (which `int_or_percent` refuses)."""
    if isinstance(value, str):
        return not intorstr.is_percent(value) or intorstr.percent_of(value) == 0
    return not value
