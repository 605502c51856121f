"""What the classes of storage share: the name of a provisioner or driver, and parameters for it."""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.lang import names

from ..fielderrors import FieldErrors

MOST_PARAMETERS = 512
PARAMETERS_SIZE = 256 * 1024
"""Bytes, keys and values together."""


def validate_provisioner(name: str, field: str, errors: FieldErrors) -> None:
    if not name:
        errors.required(field)
        return
    for message in names.qualified_name(name.lower()):
        errors.invalid(name.lower(), message, field)


def validate_parameters(parameters: Mapping[str, str], errors: FieldErrors, *, needed: bool = False) -> None:
    """`errors` stands at the object; `needed` wants at least one."""
    if len(parameters) > MOST_PARAMETERS:
        errors.too_long(MOST_PARAMETERS, "parameters")
        return
    if "" in parameters:
        errors.invalid("", "field can not be empty.", "parameters")
    if sum(len(key.encode()) + len(value.encode()) for key, value in parameters.items()) > PARAMETERS_SIZE:
        errors.too_long(PARAMETERS_SIZE, "parameters")
    if needed and not parameters:
        errors.required("parameters", "must contain at least one key/value pair")


def validate_fixed(
    new: Mapping[str, object], old: Mapping[str, object], errors: FieldErrors, *fields: str
) -> None:
    """Fields of a class that never change."""
    for field in fields:
        if (new.get(field) or None) != (old.get(field) or None):
            errors.forbidden(f"updates to {field} are forbidden.", field)
