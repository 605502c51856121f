"""Conditions that a device must have, or must not get, before a pod is bound to a node for it."""

from __future__ import annotations

from pybernetes.lang import names as label_names

from ..fielderrors import FieldErrors
from ..meta import Obj
from . import names

MOST = 4
WANTED, FAILING = "bindingConditions", "bindingFailureConditions"


def validate_binding_conditions(tree: Obj, errors: FieldErrors) -> None:
    """Of a device, or of the result of an allocation."""
    wanted, failing = tree.get(WANTED) or [], tree.get(FAILING) or []
    for field, values in ((WANTED, wanted), (FAILING, failing)):
        names.items(values, MOST, _validate_name, errors.at(field))
    for index, name in enumerate(wanted):
        if name in wanted[:index]:
            errors.at(WANTED, index).duplicate(name)
    for index, name in enumerate(failing):
        if name in failing[:index]:
            errors.at(FAILING, index).duplicate(name)
        if name in wanted:
            errors.at(FAILING, index).invalid(
                name, "bindingFailureConditions must not overlap with bindingConditions"
            )
    if failing and not wanted:
        errors.invalid(
            wanted or None, "bindingConditions are required to use bindingFailureConditions", WANTED
        )
    if wanted and not failing:
        errors.invalid(
            failing or None, "bindingFailureConditions are required to use bindingConditions", FAILING
        )


def _validate_name(name: str, errors: FieldErrors) -> None:
    for message in label_names.qualified_name(name):
        errors.invalid(name, message)
