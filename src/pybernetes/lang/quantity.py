"""Resource quantities: `100m`, `1.5Gi`, `2e3`, as upstream's `apimachinery/pkg/api/resource`.

A quantity is a multiple of 10^-9 between -(2^63-1) and 2^63-1, with the family of suffixes in which it is printed. What
is finer than 10^-9 is rounded away from zero; what is larger is capped. Exact integer arithmetic throughout.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple

Format = Literal["DecimalSI", "BinarySI", "DecimalExponent"]

NANO = 1_000_000_000
MAX_VALUE = 2**63 - 1

_SHAPE = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)")
_PATTERN = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_EXPONENT = re.compile(r"[eE][-+]?[0-9]+")
# Beyond these every number is capped or rounded to the smallest; the bound keeps 10**exponent small.
_EXTREME = 64


class QuantityError(ValueError):
    """The text is no quantity; the message is upstream's."""


class Quantity(NamedTuple):
    """A parsed quantity: `nano` is the value times 10^9."""

    nano: int
    format: Format

    def __str__(self) -> str:
        return format_quantity(self.nano, self.format)


@lru_cache(maxsize=4096)
def _parse_text(text: str) -> Quantity:
    match = _SHAPE.fullmatch(text)
    if not match or not text:
        raise QuantityError(f"quantities must match the regular expression '{_PATTERN}'")
    sign, whole, fraction, suffix = match.groups()
    digits = whole + (fraction or "")
    if not digits:
        raise QuantityError(f"quantities must match the regular expression '{_PATTERN}'")
    base, exponent, form = _read_suffix(suffix)
    numerator = int(digits)
    ten = 9 - len(fraction or "")
    if base == 10:
        ten += max(-_EXTREME, min(_EXTREME, exponent))
    else:
        numerator <<= exponent
    nano = numerator * 10**ten if ten >= 0 else -(-numerator // 10**-ten)
    nano = min(nano, MAX_VALUE * NANO)
    if form == "BinarySI" and 0 < nano < NANO:
        form = "DecimalSI"
    return Quantity(-nano if sign == "-" else nano, form)


def _read_suffix(suffix: str) -> tuple[int, int, Format]:
    """(base, exponent, format): `Ki` is (2, 10, BinarySI)."""
    if suffix in _DECIMAL:
        return 10, _DECIMAL[suffix], "DecimalSI"
    if suffix in _BINARY:
        return 2, _BINARY[suffix], "BinarySI"
    if _EXPONENT.fullmatch(suffix):
        return 10, int(suffix[1:]), "DecimalExponent"
    raise QuantityError("unable to parse quantity's suffix")


def parse(value: str | int | float) -> Quantity:
    """The quantity of a JSON value (a number counts as its text). Raises QuantityError."""
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise QuantityError(f"quantities must match the regular expression '{_PATTERN}'")
    return _parse_text(repr(value))


def parse_quantity(value: str | int | float) -> Decimal:
    """The exact value: `parse_quantity("100m") == Decimal("0.1")`. Raises QuantityError."""
    return Decimal(parse(value).nano).scaleb(-9)


def milli(value: str | int | float) -> int:
    """Thousandths, rounded up (`MilliValue`): what CPU is counted in."""
    return -(-parse(value).nano // 1_000_000)


def units(value: str | int | float) -> int:
    """Whole units, rounded up (`Value`): what memory and everything but CPU is counted in."""
    return -(-parse(value).nano // NANO)


def canonical(value: str | int | float) -> str:
    """The form in which the API stores and prints it: `1000m` is `1`, `0.5` is `500m`, `1024Ki` is `1Mi`."""
    quantity = parse(value)
    return format_quantity(quantity.nano, quantity.format)


def format_quantity(nano: int, form: Format = "DecimalSI") -> str:
    """The canonical text of `nano` * 10^-9: no fraction, the largest suffix that keeps it exact.

    A binary quantity below 1024, or one that is not whole, prints in decimal.
    """
    if nano == 0:
        return "0"
    if form == "BinarySI" and abs(nano) >= 1024 * NANO and nano % NANO == 0:
        return _format_binary(nano // NANO)
    exponent = -9
    while exponent < 18 and nano % 1000 == 0:
        nano //= 1000
        exponent += 3
    if form == "DecimalExponent":
        return f"{nano}e{exponent}" if exponent else str(nano)
    return f"{nano}{_DECIMAL_SUFFIX[exponent]}"


def _format_binary(value: int) -> str:
    power = 0
    while power < 6 and value % 1024 == 0:
        value //= 1024
        power += 1
    return f"{value}{_BINARY_SUFFIX[power]}"


def add(a: str | int | float, b: str | int | float) -> str:
    """The canonical sum; printed in the format of `a`, or of `b` where `a` is zero."""
    left, right = parse(a), parse(b)
    return format_quantity(left.nano + right.nano, right.format if left.nano == 0 else left.format)
