"""Defaults of a schema must themselves be valid: pruned already, and what the schema asks for."""

from __future__ import annotations

from ..fielderrors import FieldErrors
from .defaulting import fill
from .pruning import prune
from .schemavalidation import Validator
from .structural import Structural


def validate_defaults(schema: Structural, errors: FieldErrors) -> None:
    """`errors` stands at the schema."""
    if schema.has_default:
        _validate(schema, errors.at("default"))
    written = schema.raw.get("properties") or {}
    for name, below in schema.properties.items():
        if name in written:
            validate_defaults(below, errors.at("properties").at_key(name))
    if isinstance(schema.additional, Structural):
        validate_defaults(schema.additional, errors.at("additionalProperties"))
    if schema.item is not None:
        validate_defaults(schema.item, errors.at("items"))


def _validate(schema: Structural, errors: FieldErrors) -> None:
    value = schema.default
    pruned, dropped = prune(value, schema)
    if dropped:
        errors.invalid(value, "must not have unknown fields")
        return
    fill(pruned, schema)
    found = FieldErrors()
    Validator(schema.raw).check(pruned, "", found)
    for cause in found.causes:
        at = errors.at(cause.field) if cause.field and cause.field != "<nil>" else errors
        what, _, detail = cause.message.partition(": ")
        rest = detail.partition(": ")[2]
        if what == "Required value":
            at.required()
        else:
            at.invalid(value, (rest or detail).strip())
