"""All that is asked of the schema of a version, in upstream's order: what may stand at the root, structure, defaults,
OpenAPI, the rules in CEL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..fielderrors import FieldErrors
from .celrules import validate_rules
from .defaults import validate_defaults
from .openapi_rules import validate_openapi
from .structural import Structural
from .structural_validation import unsupported, validate_structural

_AT_THE_ROOT = {
    "description": "Description",
    "type": "Type",
    "format": "Format",
    "title": "Title",
    "maximum": "Maximum",
    "exclusiveMaximum": "ExclusiveMaximum",
    "minimum": "Minimum",
    "exclusiveMinimum": "ExclusiveMinimum",
    "maxLength": "MaxLength",
    "minLength": "MinLength",
    "pattern": "Pattern",
    "maxItems": "MaxItems",
    "minItems": "MinItems",
    "uniqueItems": "UniqueItems",
    "multipleOf": "MultipleOf",
    "required": "Required",
    "items": "Items",
    "properties": "Properties",
    "externalDocs": "ExternalDocs",
    "example": "Example",
    "x-kubernetes-preserve-unknown-fields": "XPreserveUnknownFields",
    "x-kubernetes-validations": "XValidations",
}
"""What the root of a schema may say beside a status subresource -> upstream's name of it."""


def validate_schema(schema: Mapping[str, Any], errors: FieldErrors, *, has_status: bool) -> None:
    """`errors` stands at what holds the `openAPIV3Schema`."""
    at, before = errors.at("openAPIV3Schema"), len(errors.causes)
    if has_status:
        _validate_root(schema, at)
    if schema.get("nullable"):
        at.forbidden("nullable cannot be true at the root", "nullable")
    why, sound = unsupported(schema), False
    if not why:
        checked = len(errors.causes)
        validate_structural(schema, at)
        if len(errors.causes) == checked:
            validate_defaults(Structural(schema, root=True), at)
        sound = len(errors.causes) == checked
    checked = len(errors.causes)
    validate_openapi(schema, at)
    if sound and len(errors.causes) == checked:
        validate_rules(Structural(schema, root=True), at)
    if why and len(errors.causes) == before:
        at.invalid("", why)


def _validate_root(schema: Mapping[str, Any], errors: FieldErrors) -> None:
    """The schema of the status is taken out of `properties`: nothing at the root may speak of it."""
    kind = schema.get("type") or ""
    if kind and kind != "object":
        why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
        errors.invalid(kind, why, "type")
        return
    for field, value in schema.items():
        if field not in _AT_THE_ROOT and value not in (None, False, ""):
            allowed = " ".join(_AT_THE_ROOT.values())
            errors.invalid(
                schema,
                f"only [{allowed}] fields are allowed at the root of the schema if the status subresource is enabled",
            )
            return
