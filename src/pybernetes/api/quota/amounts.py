"""Resource lists as quantities that are added, compared and printed as upstream prints them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pybernetes.lang.quantity import Quantity, parse

Amounts = Mapping[str, Quantity]
NOTHING = Quantity(0, "DecimalSI")
ONE = Quantity(1_000_000_000, "DecimalSI")


def count(number: int) -> Quantity:
    """So many."""
    return Quantity(number * ONE.nano, "DecimalSI")


def read(tree: Mapping[str, str] | None) -> dict[str, Quantity]:
    return {name: parse(value) for name, value in (tree or {}).items()}


def written(amounts: Amounts) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}


def plus(a: Quantity, b: Quantity) -> Quantity:
    """The sum, in the format of `a`, or of `b` where `a` is zero."""
    return Quantity(a.nano + b.nano, a.format if a.nano else b.format)


def add(a: Amounts, b: Amounts) -> dict[str, Quantity]:
    """Both together; a name of one alone stays."""
    total = dict(a)
    for name, amount in b.items():
        total[name] = plus(total.get(name, NOTHING), amount)
    return total


def subtract(a: Amounts, b: Amounts) -> dict[str, Quantity]:
    return add(a, {name: Quantity(-amount.nano, amount.format) for name, amount in b.items()})


def masked(amounts: Amounts, names: Iterable[str]) -> dict[str, Quantity]:
    """Only the names given."""
    return {name: amounts[name] for name in names if name in amounts}


def total(several: Iterable[Amounts]) -> dict[str, Quantity]:
    found: dict[str, Quantity] = {}
    for amounts in several:
        found = add(found, amounts)
    return found


def shown(amounts: Amounts) -> str:
    """`limits.cpu=1,pods=2`."""
    return ",".join(f"{name}={amounts[name]}" for name in sorted(amounts))
