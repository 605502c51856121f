"""What makes a schema structural: upstream's `apiserver/schema/validation.go` and `complete.go`.

A schema is structural when every value's type is said in one place: outside of allOf, anyOf, oneOf and not, which may
only restrict what is already there. What is found is sorted, as upstream sorts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pybernetes.lang import goregex

from ..fielderrors import FieldErrors

Raw = Mapping[str, Any]
ROOT, ITEM, FIELD = "at the root", "for specified array items", "for specified object fields"
EMBEDDED, INT_OR_STRING, PRESERVE = (
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
)
UNSUPPORTED = ("id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions")
_WORDS = {"$schema": "schema"}
_FORBIDDEN_INSIDE = (
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    (PRESERVE, "must be false to be structural"),
    (EMBEDDED, "must be false to be structural"),
    (INT_OR_STRING, "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
    ("x-kubernetes-validations", "must be empty to be structural"),
)
_IS_THERE = frozenset(("additionalProperties", "default", "x-kubernetes-list-type", "x-kubernetes-map-type"))
"""Fields that count as given whatever they say."""
_INTEGER_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_METADATA_MAY = frozenset(("type", "properties", "default", "externalDocs", "example"))


def unsupported(schema: Any) -> str:
    """Why a schema cannot even be read as a structural one; "" where it can."""
    if isinstance(schema, Sequence) and not isinstance(schema, str):
        return "OpenAPIV3Schema 'items' must be a schema, but is an array"
    if not isinstance(schema, Mapping):
        return ""
    for field in UNSUPPORTED:
        if schema.get(field):
            return f"OpenAPIV3Schema '{_WORDS.get(field, field)}' is not supported"
    if schema.get(PRESERVE) is False:
        return f"internal error: '{PRESERVE}' must be true or undefined"
    below = [schema.get("not"), schema.get("items"), schema.get("additionalProperties")]
    for junctor in ("allOf", "anyOf", "oneOf"):
        below += schema.get(junctor) or ()
    below += (schema.get("properties") or {}).values()
    return next((why for each in below if (why := unsupported(each))), "")


def validate_structural(schema: Raw, errors: FieldErrors) -> None:
    """Of a schema that can be read (`unsupported`). `errors` stands at it."""
    found = FieldErrors()
    at = found.at(errors.path)
    _check_node(schema, ROOT, at)
    _check_complete(schema, schema, at, at)
    errors.add_sorted(found)


def _check_node(schema: Raw, level: str, errors: FieldErrors) -> None:
    kind, items, additional = (
        schema.get("type") or "",
        schema.get("items"),
        schema.get("additionalProperties"),
    )
    properties = schema.get("properties") or {}
    if kind == "array" and items is None:
        errors.required("items", "must be specified")
    if isinstance(items, Mapping):
        _check_node(items, ITEM, errors.at("items"))
    for name, below in properties.items():
        _check_node(below, FIELD, errors.at("properties").at_key(name))
    if additional is not None and level == ROOT:
        errors.forbidden("must not be used at the root", "additionalProperties")
    if isinstance(additional, Mapping):
        _check_node(additional, FIELD, errors.at("additionalProperties"))
    _check_extensions(schema, kind, level, errors)
    first: Raw = next(iter(schema.get("allOf") or ()), {})
    _check_values(schema, errors, free=_is_free(schema), free_first=_is_free(first))
    _check_object_fields(schema, level, errors)


def _is_free(schema: Raw) -> bool:
    """Whether anyOf says no more than that the value is an int-or-string."""
    return list(schema.get("anyOf") or ()) == _INTEGER_OR_STRING


def _check_extensions(schema: Raw, kind: str, level: str, errors: FieldErrors) -> None:
    int_or_string, preserve, embedded = (
        bool(schema.get(field)) for field in (INT_OR_STRING, PRESERVE, EMBEDDED)
    )
    if int_or_string and preserve:
        errors.invalid(True, f"must be false if {INT_OR_STRING} is true", PRESERVE)
    if int_or_string and embedded:
        errors.invalid(True, f"must be false if {INT_OR_STRING} is true", EMBEDDED)
    if embedded and kind != "object":
        why = f"must be object if {EMBEDDED} is true"
        if kind:
            errors.invalid(kind, why, "type")
        else:
            errors.required("type", why)
    elif not kind and not int_or_string and not preserve:
        errors.required("type", f"must not be empty {level}")
    if embedded and schema.get("additionalProperties") is not None:
        errors.forbidden(f"must not be used if {EMBEDDED} is set", "additionalProperties")
    if embedded and not preserve and not schema.get("properties"):
        errors.required("properties", f"must not be empty if {EMBEDDED} is true without {PRESERVE}")
    if level == ROOT and kind not in ("", "object"):
        errors.invalid(kind, "must be object at the root", "type")


def _check_object_fields(schema: Raw, level: str, errors: FieldErrors) -> None:
    """`kind`, `apiVersion` and `metadata` of whole objects: little may be said of them."""
    properties, at = schema.get("properties") or {}, errors.at("properties")
    whole = level == ROOT or bool(schema.get(EMBEDDED))
    for name in ("kind", "apiVersion"):
        if whole and name in properties and properties[name].get("type") != "string":
            at.at_key(name).invalid(properties[name].get("type") or "", "must be string", "type")
    metadata = properties.get("metadata")
    if metadata is None:
        return
    if whole and metadata.get("type") != "object":
        at.at_key("metadata").invalid(metadata.get("type") or "", "must be object", "type")
    rest = any(value not in (None, False, "") for key, value in metadata.items() if key not in _METADATA_MAY)
    if level == ROOT and (rest or set(metadata.get("properties") or ()) - {"name", "generateName"}):
        at.at_key("metadata").forbidden(
            "must not specify anything other than name and generateName, but metadata is implicitly specified"
        )


def _check_values(schema: Raw, errors: FieldErrors, *, free: bool = False, free_first: bool = False) -> None:
    """The restrictions of a node. `free`: its anyOf is the one that makes an int-or-string; `free_first`: that of its
    first allOf is."""
    if not free:
        for number, below in enumerate(schema.get("anyOf") or ()):
            _check_inside(below, errors.at("anyOf", number))
    for number, below in enumerate(schema.get("allOf") or ()):
        _check_inside(below, errors.at("allOf", number), free=free_first and number == 0)
    for number, below in enumerate(schema.get("oneOf") or ()):
        _check_inside(below, errors.at("oneOf", number))
    if isinstance(schema.get("not"), Mapping):
        _check_inside(schema["not"], errors.at("not"))
    if pattern := schema.get("pattern"):
        try:
            goregex.compile(pattern)
        except goregex.BadPattern as error:
            errors.invalid(pattern, f"must be a valid regular expression, but isn't: {error}", "pattern")


def _check_inside(schema: Raw, errors: FieldErrors, *, free: bool = False) -> None:
    """A schema below allOf, anyOf, oneOf or not: it adds nothing to what is specified outside of it."""
    _check_values(schema, errors, free=free)
    if isinstance(schema.get("items"), Mapping):
        _check_inside(schema["items"], errors.at("items"))
    for name, below in (schema.get("properties") or {}).items():
        _check_inside(below, errors.at("properties").at_key(name))
    for field, detail in _FORBIDDEN_INSIDE:
        value = schema.get(field)
        if value is not None and (value or field in _IS_THERE):
            errors.forbidden(detail, field)
    if "metadata" in (schema.get("properties") or {}):
        errors.at("properties").at_key("metadata").forbidden("must not be specified in a nested context")


def _check_complete(values: Raw, outside: Raw, errors: FieldErrors, here: FieldErrors) -> None:
    """That whatever the junctors of `values` (at `here`) speak of is specified in `outside` (at `errors`)."""
    if isinstance(values.get("not"), Mapping):
        _check_specified(values["not"], outside, errors, here.at("not"))
    for junctor in ("allOf", "anyOf", "oneOf"):
        for number, below in enumerate(values.get(junctor) or ()):
            _check_specified(below, outside, errors, here.at(junctor, number))


def _check_specified(values: Raw, outside: Raw | None, errors: FieldErrors, here: FieldErrors) -> None:
    if outside is None:
        errors.required("", f"because it is defined in {here.path}")
        return
    _check_complete(values, outside, errors, here)
    if isinstance(values.get("items"), Mapping):
        items = outside.get("items")
        _check_specified(
            values["items"],
            items if isinstance(items, Mapping) else None,
            errors.at("items"),
            here.at("items"),
        )
    known = outside.get("properties") or {}
    for name, below in (values.get("properties") or {}).items():
        at, where = errors.at("properties").at_key(name), here.at("properties").at_key(name)
        _check_specified(below, known.get(name), at, where)
