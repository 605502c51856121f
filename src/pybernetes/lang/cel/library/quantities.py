"""`quantity('1.5Gi')`."""

from __future__ import annotations

from typing import ClassVar

from ... import quantity
from ..errors import CelError
from ..overloads import Overload, function, method
from ..types import BOOL, DOUBLE, INT, STRING, opaque
from ..values import INT_MAX, INT_MIN


class Quantity:
    """A resource quantity: `nano` is its value times 10^9."""

    __slots__ = ("form", "nano")
    CEL_TYPE: ClassVar[str] = "kubernetes.Quantity"

    def __init__(self, nano: int, form: quantity.Format) -> None:
        self.nano = nano
        self.form: quantity.Format = form

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.nano == other.nano

    def __hash__(self) -> int:
        return hash(self.nano)

    def __str__(self) -> str:
        return quantity.format_quantity(self.nano, self.form)

    @property
    def whole(self) -> bool:
        return self.nano % quantity.NANO == 0 and INT_MIN <= self.nano // quantity.NANO <= INT_MAX


def _read(text: str) -> Quantity:
    try:
        parsed = quantity.parse(text)
    except quantity.QuantityError as error:
        raise CelError(str(error)) from error
    return Quantity(parsed.nano, parsed.format)


def _is(text: str) -> bool:
    try:
        quantity.parse(text)
    except quantity.QuantityError:
        return False
    return True


def _plus(a: Quantity, b: Quantity | int, sign: int = 1) -> Quantity:
    other = b.nano if isinstance(b, Quantity) else b * quantity.NANO
    form = b.form if a.nano == 0 and isinstance(b, Quantity) else a.form
    return Quantity(a.nano + sign * other, form)


def _minus(a: Quantity, b: Quantity | int) -> Quantity:
    return _plus(a, b, -1)


def _integer(value: Quantity) -> int:
    if not value.whole:
        raise CelError("cannot convert value to integer")
    return value.nano // quantity.NANO


def _compare(a: Quantity, b: Quantity) -> int:
    return (a.nano > b.nano) - (a.nano < b.nano)


QUANTITY = opaque("kubernetes.Quantity", Quantity)
TYPES = (QUANTITY,)
OVERLOADS: tuple[Overload, ...] = (
    function("quantity", STRING, to=QUANTITY, run=_read),
    function("isQuantity", STRING, to=BOOL, run=_is),
    method("sign", QUANTITY, to=INT, run=lambda q: (q.nano > 0) - (q.nano < 0)),
    method("isGreaterThan", QUANTITY, QUANTITY, to=BOOL, run=lambda a, b: a.nano > b.nano),
    method("isLessThan", QUANTITY, QUANTITY, to=BOOL, run=lambda a, b: a.nano < b.nano),
    method("compareTo", QUANTITY, QUANTITY, to=INT, run=_compare),
    method("asApproximateFloat", QUANTITY, to=DOUBLE, run=lambda q: q.nano / quantity.NANO),
    method("asInteger", QUANTITY, to=INT, run=_integer),
    method("isInteger", QUANTITY, to=BOOL, run=lambda q: q.whole),
    method("add", QUANTITY, QUANTITY, to=QUANTITY, run=_plus),
    method("add", QUANTITY, INT, to=QUANTITY, run=_plus),
    method("sub", QUANTITY, QUANTITY, to=QUANTITY, run=_minus),
    method("sub", QUANTITY, INT, to=QUANTITY, run=_minus),
)
