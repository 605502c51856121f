"""Defaults of a schema must themselves be valid: pruned already, what the schema asks for, and what its rules want.

Below additionalProperties nothing is looked at: upstream does not follow them.
"""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.lang.cel.errors import CelCompileError

from ..fielderrors import FieldErrors
from . import celrules
from .pruning import prune
from .schemavalidation import NO_PATH, UNKNOWN, Validator
from .structural import Structural


def validate_defaults(schema: Structural, errors: FieldErrors, *, root: bool = True) -> None:
    """`errors` stands at the schema."""
    if schema.has_default and schema.default is not None:
        _validate(schema, errors.at("default"), root=root)
    if schema.item is not None:
        validate_defaults(schema.item, errors.at("items"), root=False)
    written = schema.raw.get("properties") or {}
    for name, below in schema.properties.items():
        if name in written:
            validate_defaults(below, errors.at("properties").at_key(name), root=False)


def _validate(schema: Structural, errors: FieldErrors, *, root: bool) -> None:
    value = schema.default
    if prune(value, schema)[1]:
        errors.invalid(value, "must not have unknown fields")
    if schema.embedded and isinstance(value, Mapping):
        missing = [field for field in ("apiVersion", "kind") if not value.get(field)]
        for field in missing:
            errors.required(field, "must not be empty")
        if missing:
            return
    found = FieldErrors()
    Validator(schema.raw).check(value, "", found)
    if not found:
        _check_rules(schema, value, found, root=root)
    errors.add_below(found, NO_PATH)


def _check_rules(schema: Structural, value: object, errors: FieldErrors, *, root: bool) -> None:
    """Rules that do not compile are complained of where they stand."""
    try:
        rules = celrules.rules_of(schema, root=root)
    except (CelCompileError, celrules.WrongResult, ValueError):
        return
    if rules is not None:
        celrules.check(rules, value, UNKNOWN, errors)
