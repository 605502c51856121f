"""The rules of schemas: what OpenAPI allows and Kubernetes does not, and what makes a schema structural.

A schema is structural when every value's type is said in one place: outside of allOf, anyOf, oneOf and not, which may
only restrict what is already there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pybernetes.lang import goregex

from ..fielderrors import FieldErrors

JUNCTORS = ("allOf", "anyOf", "oneOf")
TYPES = ("array", "boolean", "integer", "number", "object", "string")
LIST_TYPES = ("atomic", "map", "set")
MAP_TYPES = ("atomic", "granular")
NOT_SUPPORTED = ("$ref", "additionalItems", "definitions", "dependencies", "id", "patternProperties")
_FORBIDDEN_INSIDE = (
    ("type", "must be empty to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("default", "must be undefined to be structural"),
    ("nullable", "must be false to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
    ("x-kubernetes-validations", "must be empty to be structural"),
)
_INT_OR_STRING = ({"type": "integer"}, {"type": "string"})
_INT_OR_STRING_PARTS = (
    "anyOf",
    "allOf",
)


def validate_structural(schema: Mapping[str, Any], errors: FieldErrors) -> None:
    """`errors` stands at `openAPIV3Schema`."""
    if schema.get("nullable"):
        errors.forbidden("nullable cannot be true at the root", "nullable")
    kind = schema.get("type", "")
    if kind not in ("", "object"):
        errors.invalid(kind, "must be object at the root", "type")
    _validate_metadata(schema, errors)
    _validate_node(schema, errors, "at the root")


def _validate_metadata(schema: Mapping[str, Any], errors: FieldErrors) -> None:
    """At the root, a schema may restrict the name and nothing else of the metadata."""
    metadata = (schema.get("properties") or {}).get("metadata")
    if metadata is None:
        return
    rest = {key for key in metadata if key not in ("type", "properties", "description", "title")}
    if rest or set(metadata.get("properties") or ()) - {"name", "generateName"}:
        errors.at("properties").at_key("metadata").forbidden(
            "must not specify anything other than name and generateName, but metadata is implicitly specified"
        )


def _validate_node(schema: Mapping[str, Any], errors: FieldErrors, place: str) -> None:
    _validate_plain(schema, errors)
    kind = schema.get("type", "")
    preserve = schema.get("x-kubernetes-preserve-unknown-fields")
    int_or_string = schema.get("x-kubernetes-int-or-string")
    if int_or_string and kind:
        errors.forbidden("must be empty if x-kubernetes-int-or-string is true", "type")
    if not kind and not int_or_string and not preserve:
        errors.required("type", f"must not be empty {place}")
    if schema.get("x-kubernetes-embedded-resource"):
        if kind != "object":
            errors.invalid(kind, "must be object if x-kubernetes-embedded-resource is true", "type")
        if not schema.get("properties") and not preserve:
            errors.required(
                "properties",
                "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
            )
    if preserve is False:
        errors.invalid(False, "must be true or undefined", "x-kubernetes-preserve-unknown-fields")
    _validate_lists(schema, errors)
    properties = schema.get("properties") or {}
    for name, below in properties.items():
        _validate_node(below, errors.at("properties").at_key(name), "for specified object fields")
    items = schema.get("items")
    if isinstance(items, Mapping):
        _validate_node(items, errors.at("items"), "for specified array items")
    elif items is not None:
        errors.forbidden("items must be a schema object and not an array", "items")
    additional = schema.get("additionalProperties")
    if isinstance(additional, Mapping):
        _validate_node(additional, errors.at("additionalProperties"), "for specified object fields")
    for junctor in JUNCTORS:
        for number, below in enumerate(schema.get(junctor) or ()):
            _validate_inside(below, schema, errors.at(junctor).at(number), errors, junctor)
    if isinstance(schema.get("not"), Mapping):
        _validate_inside(schema["not"], schema, errors.at("not"), errors, "not")


def _validate_plain(schema: Mapping[str, Any], errors: FieldErrors) -> None:
    """What no schema may say, wherever it stands."""
    for field in NOT_SUPPORTED:
        if schema.get(field):
            errors.forbidden(f"{field} is not supported", field)
    if schema.get("uniqueItems"):
        errors.forbidden(
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic", "uniqueItems"
        )
    additional = schema.get("additionalProperties")
    if additional is False:
        errors.forbidden("additionalProperties cannot be set to false", "additionalProperties")
    elif additional is not None and schema.get("properties"):
        errors.forbidden("additionalProperties and properties are mutual exclusive", "additionalProperties")
    kind = schema.get("type", "")
    if kind == "null":
        errors.forbidden("type cannot be set to null, use nullable as an alternative", "type")
    elif kind and kind not in TYPES:
        errors.not_supported(kind, TYPES, "type")
    if pattern := schema.get("pattern"):
        try:
            goregex.compile(pattern)
        except goregex.BadPattern as error:
            errors.invalid(
                pattern,
                f"must be a valid regular expression, but isn't: {error}",
                "pattern",
            )


def _validate_lists(schema: Mapping[str, Any], errors: FieldErrors) -> None:
    kind, list_type = schema.get("type", ""), schema.get("x-kubernetes-list-type")
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    if list_type is not None:
        if list_type not in LIST_TYPES:
            errors.not_supported(list_type, LIST_TYPES, "x-kubernetes-list-type")
        if kind != "array":
            errors.invalid(kind, "must be array if x-kubernetes-list-type is specified", "type")
    if list_type == "map":
        _validate_list_map(schema, keys, errors)
    elif keys:
        errors.invalid(
            list_type or "",
            "must be map if x-kubernetes-list-map-keys is non-empty",
            "x-kubernetes-list-type",
        )
    map_type = schema.get("x-kubernetes-map-type")
    if map_type is not None:
        if map_type not in MAP_TYPES:
            errors.not_supported(map_type, MAP_TYPES, "x-kubernetes-map-type")
        if kind != "object":
            errors.invalid(kind, "must be object if x-kubernetes-map-type is specified", "type")
    if kind == "array" and schema.get("items") is None:
        errors.required("items", "must be specified")
    item = schema.get("items") or {}
    if list_type == "set" and isinstance(item, Mapping):
        if item.get("nullable"):
            errors.at("items").forbidden("cannot be nullable when x-kubernetes-list-type is set", "nullable")
        if item.get("type") == "object" and item.get("x-kubernetes-map-type") != "atomic":
            errors.at("items").invalid(
                item.get("x-kubernetes-map-type", ""),
                "must be atomic as item of a list with x-kubernetes-list-type=set",
                "x-kubernetes-map-type",
            )


def _validate_list_map(schema: Mapping[str, Any], keys: Any, errors: FieldErrors) -> None:
    if not keys:
        errors.required("x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map")
    item = schema.get("items") or {}
    if not isinstance(item, Mapping):
        return
    if item.get("type") != "object":
        errors.at("items").invalid(
            item.get("type", ""), "must be object if parent array's x-kubernetes-list-type is map", "type"
        )
    at = errors.at("x-kubernetes-list-map-keys")
    properties, required = item.get("properties") or {}, item.get("required") or ()
    for number, key in enumerate(keys):
        found = properties.get(key)
        if found is None:
            at.at(number).invalid(key, "entries must all be names of item properties")
            continue
        if found.get("type") in ("array", "object"):
            errors.at("items").at("properties").at_key(key).invalid(
                found.get("type"),
                "must be a scalar type if parent array's x-kubernetes-list-type is map",
                "type",
            )
        if key not in required and "default" not in found:
            errors.at("items").at("properties").at_key(key).required(
                "default",
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
            )
    if len(set(keys)) < len(keys):
        at.invalid(list(keys), "must not contain duplicate entries")


def _validate_inside(
    schema: Mapping[str, Any],
    outside: Mapping[str, Any] | None,
    errors: FieldErrors,
    above: FieldErrors,
    junctor: str,
) -> None:
    """A schema below allOf, anyOf, oneOf or not: it may restrict what `outside` specifies and add nothing."""
    _validate_plain(schema, errors)
    exempt = _int_or_string_part(schema, outside, junctor)
    for field, detail in _FORBIDDEN_INSIDE:
        if schema.get(field) not in (None, False, "", []) and not (field == "type" and exempt):
            errors.forbidden(detail, field)
    if schema.get("additionalProperties") is not None:
        errors.forbidden("must be undefined to be structural", "additionalProperties")
    known = (outside or {}).get("properties") or {}
    for name, below in (schema.get("properties") or {}).items():
        here = errors.at("properties").at_key(name)
        if (
            name not in known
            and outside is not None
            and not isinstance(outside.get("additionalProperties"), Mapping)
            and (name != "metadata" or above.path.count("properties"))
        ):
            above.at("properties").at_key(name).required("", f"because it is defined in {here.path}")
        _validate_inside(below, known.get(name), here, above.at("properties").at_key(name), junctor)
    items = schema.get("items")
    if isinstance(items, Mapping):
        inner = (outside or {}).get("items")
        if outside is not None and not isinstance(inner, Mapping):
            above.required("items", f"because it is defined in {errors.at('items').path}")
        _validate_inside(items, inner, errors.at("items"), above.at("items"), junctor)
    for inner_junctor in JUNCTORS:
        for number, below in enumerate(schema.get(inner_junctor) or ()):
            _validate_inside(below, outside, errors.at(inner_junctor).at(number), above, inner_junctor)
    if isinstance(schema.get("not"), Mapping):
        _validate_inside(schema["not"], outside, errors.at("not"), above, "not")


def _int_or_string_part(schema: Mapping[str, Any], outside: Mapping[str, Any] | None, junctor: str) -> bool:
    """`anyOf: [{type: integer}, {type: string}]` is allowed where the value is an int-or-string."""
    return bool(
        outside
        and outside.get("x-kubernetes-int-or-string")
        and junctor in _INT_OR_STRING_PARTS
        and dict(schema) in _INT_OR_STRING
    )
