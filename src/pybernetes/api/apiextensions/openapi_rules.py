"""What OpenAPI allows in a schema and a CustomResourceDefinition does not, node by node: upstream's
`ValidateCustomResourceDefinitionOpenAPISchema` without the compilation of rules (`celrules.py`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..fielderrors import FieldErrors
from .celrules import REASONS
from .fieldpaths import BadPath, found
from .structural_validation import EMBEDDED, PRESERVE, unsupported

Raw = Mapping[str, Any]
TYPES = ("array", "boolean", "integer", "number", "object", "string")
LIST_TYPE, MAP_TYPE, LIST_KEYS = (
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-list-map-keys",
)
META = ("metadata", "kind", "apiVersion")
_NOT_SUPPORTED = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
_LINE_BREAK = re.compile(r"[\n\r]")
_ATOMIC_ITEM = f"must be atomic as item of a list with {LIST_TYPE}=set"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands: `no_defaults` is why it may have none; `in_meta` below the metadata of an object."""

    no_defaults: str = ""
    in_meta: bool = False


def validate_openapi(schema: Raw, errors: FieldErrors) -> None:
    """`errors` stands at the schema of whole objects."""
    _validate(schema, _Place(), errors, root=True)


def _validate(schema: Any, place: _Place, errors: FieldErrors, *, root: bool = False) -> None:
    if not isinstance(schema, Mapping):
        return
    _validate_words(schema, place, errors)
    if schema.get("uniqueItems"):
        errors.forbidden(
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic", "uniqueItems"
        )
    _validate_fields(schema, place, errors, root=root)
    for field in ("not", "allOf", "oneOf", "anyOf"):
        below = schema.get(field) or ()
        if field == "not":
            _validate(below, place, errors.at("not"))
            continue
        for number, each in enumerate(below):
            _validate(each, place, errors.at(field, number))
    for name, each in (schema.get("definitions") or {}).items():
        _validate(each, place, errors.at("definitions").at_key(name))
    items = schema.get("items")
    for number, each in enumerate(items) if isinstance(items, list) else ():
        _validate(each, place, errors.at("items", number))
    _validate(items, place, errors.at("items"))
    for name, each in (schema.get("dependencies") or {}).items():
        _validate(each, place, errors.at("dependencies").at_key(name))
    if schema.get(PRESERVE) is False:
        errors.invalid(False, "must be true or undefined", PRESERVE)
    _validate_lists(schema, errors)
    for number, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        _validate_rule(schema, rule, errors.at("x-kubernetes-validations", number))


def _validate_words(schema: Raw, place: _Place, errors: FieldErrors) -> None:
    kind = schema.get("type") or ""
    if kind and kind not in TYPES:
        errors.not_supported(kind, TYPES, "type")
    if schema.get("default") is not None and place.no_defaults:
        errors.forbidden(f"must not be set {place.no_defaults}", "default")
    for field in _NOT_SUPPORTED:
        value = schema.get(field)
        if value or (value is not None and field in ("additionalItems", "dependencies", "$ref")):
            errors.forbidden(f"{field} is not supported", field)
    if kind == "null":
        errors.forbidden("type cannot be set to null, use nullable as an alternative", "type")
    if isinstance(schema.get("items"), list) and schema["items"]:
        errors.forbidden("items must be a schema object and not an array", "items")
    if place.in_meta and schema.get(EMBEDDED):
        errors.forbidden("must not be used inside of resource meta", EMBEDDED)


def _validate_fields(schema: Raw, place: _Place, errors: FieldErrors, *, root: bool) -> None:
    additional, properties = schema.get("additionalProperties"), schema.get("properties") or {}
    if properties and (additional is False or isinstance(additional, Mapping)):
        errors.forbidden("additionalProperties and properties are mutual exclusive", "additionalProperties")
    if isinstance(additional, Mapping):
        inner = place
        if place.in_meta:
            inner = replace(place, no_defaults="inside additionalProperties applying to object metadata")
        _validate(additional, inner, errors.at("additionalProperties"))
    for name, each in properties.items():
        inner = place
        if name in META and (root or schema.get(EMBEDDED)):
            reason = f"in top-level {name}" if root else place.no_defaults
            inner = _Place(reason, in_meta=True)
        _validate(each, inner, errors.at("properties").at_key(name))


def _validate_lists(schema: Raw, errors: FieldErrors) -> None:
    kind, list_type, map_type = schema.get("type") or "", schema.get(LIST_TYPE), schema.get(MAP_TYPE)
    items, keys = schema.get("items"), schema.get(LIST_KEYS) or ()
    if map_type is not None:
        _validate_type_of(kind, "object", MAP_TYPE, errors)
        if map_type not in ("atomic", "granular"):
            errors.not_supported(map_type, ["atomic", "granular"], MAP_TYPE)
    if list_type is not None and kind != "array":
        _validate_type_of(kind, "array", LIST_TYPE, errors)
    elif list_type == "set" and isinstance(items, Mapping):
        inner = items.get(LIST_TYPE)
        if items.get("type") == "array" and inner not in (None, "atomic"):
            errors.at("items").invalid(inner, _ATOMIC_ITEM, LIST_TYPE)
        if items.get("type") == "object" and items.get(MAP_TYPE) != "atomic":
            errors.at("items").invalid(inner, _ATOMIC_ITEM, MAP_TYPE)  # upstream shows the list type here
    if list_type is not None and list_type not in ("atomic", "set", "map"):
        errors.not_supported(list_type, ["atomic", "set", "map"], LIST_TYPE)
    if keys and list_type != "map":
        why = f"must be map if {LIST_KEYS} is non-empty"
        if list_type is None:
            errors.required(LIST_TYPE, why)
        else:
            errors.invalid(list_type, why, LIST_TYPE)
    if list_type == "map":
        _validate_list_map(items, list(keys), errors)
    if list_type in ("set", "map") and isinstance(items, Mapping):
        _validate_keys(items, list_type, keys, errors.at("items"))


def _validate_type_of(kind: str, wanted: str, field: str, errors: FieldErrors) -> None:
    why = f"must be {wanted} if {field} is specified"
    if not kind:
        errors.required("type", why)
    elif kind != wanted:
        errors.invalid(kind, why, "type")


def _validate_list_map(items: Any, keys: list[str], errors: FieldErrors) -> None:
    if not keys:
        errors.required(LIST_KEYS, f"must not be empty if {LIST_TYPE} is map")
    if items is None:
        errors.required("items", f"must have a schema if {LIST_TYPE} is map")
    if items is not None and not isinstance(items, Mapping):
        errors.invalid(items, f"must only have a single schema if {LIST_TYPE} is map", "items")
    if not isinstance(items, Mapping):
        return
    kind, properties = items.get("type") or "", items.get("properties") or {}
    if kind != "object":
        errors.at("items").invalid(kind, f"must be object if parent array's {LIST_TYPE} is map", "type")
        return
    seen: set[str] = set()
    for key in keys:
        if key not in properties:
            errors.invalid(keys, "entries must all be names of item properties", LIST_KEYS)
        elif properties[key].get("type") in ("array", "object"):
            errors.at("items", "properties").at_key(key).invalid(
                kind, f"must be a scalar type if parent array's {LIST_TYPE} is map", "type"
            )
        if key in seen:
            errors.invalid(keys, "must not contain duplicate entries", LIST_KEYS)
        seen.add(key)


def _validate_keys(items: Raw, list_type: str, keys: Any, errors: FieldErrors) -> None:
    """Items of sets and maps are never null; each key of an item is there."""
    if items.get("nullable"):
        errors.forbidden(f"cannot be nullable when {LIST_TYPE} is {list_type}", "nullable")
    if list_type != "map":
        return
    properties, required = items.get("properties") or {}, items.get("required") or ()
    for key in keys:
        if key not in properties:
            continue
        at = errors.at("properties").at_key(key)
        if key not in required and properties[key].get("default") is None:
            at.required(
                "default",
                f"this property is in {LIST_KEYS}, so it must have a default or be a required property",
            )
        if properties[key].get("nullable"):
            at.forbidden(f"this property is in {LIST_KEYS}, so it cannot be nullable", "nullable")


def _validate_rule(schema: Raw, rule: Raw, errors: FieldErrors) -> None:
    """The words of a rule; whether its expressions compile is seen elsewhere."""
    text, message = rule.get("rule") or "", rule.get("message") or ""
    expression, path = rule.get("messageExpression") or "", rule.get("fieldPath") or ""
    if not text.strip():
        errors.required("rule", "rule is not specified")
    elif message and not message.strip():
        errors.invalid(message, "message must be non-empty if specified", "message")
    elif _LINE_BREAK.search(message.strip()):
        errors.invalid(message, "message must not contain line breaks", "message")
    elif _LINE_BREAK.search(text.strip()) and not message:
        errors.required("message", "message must be specified if rule contains line breaks")
    if expression and not expression.strip():
        errors.required("messageExpression", "messageExpression must be non-empty if specified")
    if rule.get("reason") is not None and rule["reason"] not in REASONS:
        errors.not_supported(rule["reason"], sorted(REASONS), "reason")
    if path and not path.strip():
        errors.invalid(path, "fieldPath must be non-empty if specified", "fieldPath")
    if _LINE_BREAK.search(path):
        errors.invalid(path, "fieldPath must not contain line breaks", "fieldPath")
    if path and not _leads_somewhere(path, schema):
        errors.invalid(path, "fieldPath must be a valid path", "fieldPath")


def _leads_somewhere(path: str, schema: Raw) -> bool:
    if unsupported(schema):
        return True
    try:
        found(path, schema)
    except BadPath:
        return False
    return True
