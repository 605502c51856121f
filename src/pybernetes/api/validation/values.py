"""Small rules about single values, each with upstream's message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors

NOT_NEGATIVE = "must be greater than or equal to 0"
POSITIVE = "must be greater than 0"


def non_negative(tree: Any, field: str, errors: FieldErrors) -> None:
    """A number, where given, is 0 or more."""
    value = tree.get(field)
    if isinstance(value, int) and value < 0:
        errors.invalid(value, NOT_NEGATIVE, field)


def one_of(
    tree: Any, field: str, choices: Sequence[str], errors: FieldErrors, *, required: bool = False
) -> None:
    """A word out of a closed set."""
    value = tree.get(field)
    if not value:
        if required:
            errors.required(field)
    elif value not in choices:
        errors.not_supported(value, list(choices), field)


def named(
    tree: Any, field: str, rule: Callable[[str], list[str]], errors: FieldErrors, *, required: bool = False
) -> None:
    """A name that obeys one of the rules of `lang.names`."""
    value = tree.get(field)
    if not value:
        if required:
            errors.required(field)
        return
    for message in rule(value):
        errors.invalid(value, message, field)


def port(value: Any, field: str, errors: FieldErrors) -> None:
    """A port number or name."""
    if isinstance(value, str):
        for message in names.port_name(value):
            errors.invalid(value, message, field)
    else:
        for message in names.port_number(value or 0):
            errors.invalid(value or 0, message, field)


def immutable(new: Any, old: Any, field: str, errors: FieldErrors) -> None:
    """Upstream's `ValidateImmutableField`."""
    if new.get(field) != old.get(field):
        errors.invalid(new.get(field), "field is immutable", field)
