"""What a CustomResourceDefinition must be: upstream's `apiextensions/validation`, its paths, messages and order.

Upstream validates an internal form, in which a schema, subresources, columns and selectable fields that all versions
share stand once, at `spec.validation`, `spec.subresources`, …: that is where its errors point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors, Verbatim
from ..meta import Obj
from .approval import validate_approval
from .conversion_validation import validate_conversion
from .internal import Internal, Part
from .schemarules import validate_schema
from .version_parts import validate_columns, validate_scale, validate_selectable

SCOPES = ("Cluster", "Namespaced")
IMMUTABLE = "field is immutable"
LONGEST_WARNING = 256
_KEEP_IN_SCHEMA = (
    "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
)


def validate(crd: Obj, errors: FieldErrors) -> None:
    """What holds of new and of changed definitions."""
    spec = crd.get("spec") or {}
    given_names = spec.get("names") or {}
    name = crd["metadata"].get("name", "")
    if name != f"{given_names.get('plural', '')}.{spec.get('group', '')}":
        errors.at("metadata").invalid(name, 'must be spec.names.plural+"."+spec.group', "name")
    _validate_spec(spec, errors.at("spec"))


def validate_create(crd: Obj, errors: FieldErrors) -> None:
    _validate_rest(crd, errors)
    validate_approval(crd, None, errors)
    _validate_preservation(crd, errors)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """Of an established definition, what clients have learned cannot change."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    at = errors.at("spec")
    if _is_established(old):
        if after.get("scope") != before.get("scope"):
            at.invalid(after.get("scope"), IMMUTABLE, "scope")
        if _name(after, "kind") != _name(before, "kind"):
            at.at("names").invalid(_name(after, "kind"), IMMUTABLE, "kind")
    if after.get("group") != before.get("group"):
        at.invalid(after.get("group"), IMMUTABLE, "group")
    if _name(after, "plural") != _name(before, "plural"):
        at.at("names").invalid(_name(after, "plural"), IMMUTABLE, "plural")
    _validate_rest(new, errors)
    validate_approval(new, old, errors)
    if not before.get("preserveUnknownFields"):
        _validate_preservation(new, errors)


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    accepted = (new.get("status") or {}).get("acceptedNames") or {}
    _validate_names(accepted, errors.at("status", "acceptedNames"))


def _validate_rest(crd: Obj, errors: FieldErrors) -> None:
    validate_status(crd, crd, errors)
    _validate_stored_versions(crd, errors.at("status").at("storedVersions"))


def _validate_preservation(crd: Obj, errors: FieldErrors) -> None:
    if (crd.get("spec") or {}).get("preserveUnknownFields"):
        errors.at("spec").invalid(True, _KEEP_IN_SCHEMA, "preserveUnknownFields")


def _is_established(crd: Obj) -> bool:
    conditions = (crd.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Established" and c.get("status") == "True" for c in conditions)


def _name(spec: Obj, field: str) -> Any:
    return (spec.get("names") or {}).get(field) or ""


def _validate_spec(spec: Obj, errors: FieldErrors) -> None:
    group, scope = spec.get("group") or "", spec.get("scope") or ""
    if not group:
        errors.required("group")
    elif problems := names.dns1123_subdomain(group):
        errors.invalid(group, ",".join(problems), "group")
    elif "." not in group:
        errors.invalid(group, "should be a domain with at least one dot", "group")
    if not scope:
        errors.required("scope")
    elif scope not in SCOPES:
        errors.not_supported(scope, SCOPES, "scope")
    internal = Internal.of(spec)
    if internal.schema is None:
        for number, version in enumerate(internal.versions):
            if version.schema is None:
                errors.at("versions", number, "schema").required("openAPIV3Schema", "schemas are required")
    if spec.get("preserveUnknownFields") and internal.has_defaults:
        errors.invalid(True, "must be false in order to use defaults in the schema", "preserveUnknownFields")
    _validate_versions(spec.get("versions") or (), internal, errors)
    given = spec.get("names") or {}
    for field in ("plural", "singular", "kind", "listKind"):
        if not given.get(field):
            errors.at("names").required(field)
    _validate_names(given, errors.at("names"))
    _validate_shared(internal, errors)
    conversion = spec.get("conversion") or {}
    if spec.get("preserveUnknownFields") and conversion.get("strategy") != "None":
        errors.at("conversion").invalid(
            conversion.get("strategy") or "", "must be None if spec.preserveUnknownFields is true", "strategy"
        )
    validate_conversion(conversion, errors.at("conversion"))


_MISPLACED = "selectableFields may only be set when version.schema.openAPIV3Schema is not included"
"""Upstream's words for selectable fields of a version whose schema is that of all versions, while the fields are not."""


def _validate_versions(versions: Sequence[Obj], internal: Internal, errors: FieldErrors) -> None:
    for number, version in enumerate(versions):
        here, own, name = errors.at("versions", number), internal.versions[number], version.get("name") or ""
        if problems := names.dns1035_label(name):
            here.invalid(name, ",".join(problems), "name")
        _validate_warning(version, here)
        if own.schema is not None:
            validate_schema(own.schema, here.at("schema"), has_status=internal.has_status(number))
        _validate_scale(own.subresources, here)
        validate_columns(own.columns, here.at("additionalPrinterColumns"))
        if own.selectable:
            _validate_own_selectable(own, here.at("selectableFields"))
    known = [version.get("name") for version in versions]
    shown = Verbatim(internal.shown)
    if len(set(known)) < len(known):
        errors.invalid(shown, "must contain unique version names", "versions")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        errors.invalid(shown, "must have exactly one version marked as storage version", "versions")
    if versions and (first := versions[0].get("name") or "") and (problems := names.dns1035_label(first)):
        errors.invalid(first, ",".join(problems), "version")


def _validate_own_selectable(own: Part, errors: FieldErrors) -> None:
    if own.schema is None:
        errors.invalid("", _MISPLACED)
    else:
        validate_selectable(own.selectable, own.schema, errors)


def _validate_warning(version: Obj, errors: FieldErrors) -> None:
    warning = version.get("deprecationWarning")
    if warning is None:
        return
    if not version.get("deprecated"):
        errors.invalid(warning, "can only be set for deprecated versions", "deprecationWarning")
        return
    if len(warning.encode()) > LONGEST_WARNING:
        errors.invalid(warning, f"must be <= {LONGEST_WARNING} characters long", "deprecationWarning")
    if not warning:
        errors.invalid(warning, "must not be an empty string", "deprecationWarning")
    for number, letter in enumerate(warning):
        if not letter.isprintable():
            at = len(warning[:number].encode())
            why = f"must only contain printable UTF-8 characters; non-printable character found at index {at}"
            errors.invalid(warning, why, "deprecationWarning")
            break


def _validate_shared(internal: Internal, errors: FieldErrors) -> None:
    """What all versions have in common."""
    if internal.schema is not None:
        validate_schema(internal.schema, errors.at("validation"), has_status=internal.has_any_status)
    _validate_scale(internal.subresources, errors)
    validate_columns(internal.columns, errors.at("additionalPrinterColumns"))
    if not internal.selectable:
        return
    at = errors.at("selectableFields")
    if internal.schema is None:
        at.invalid("", "selectableFields may only be set when validations.schema is included")
    else:
        validate_selectable(internal.selectable, internal.schema, at)


def _validate_scale(subresources: Obj | None, errors: FieldErrors) -> None:
    scale = (subresources or {}).get("scale")
    if scale is not None:
        validate_scale(scale, errors.at("subresources", "scale"))


def _validate_names(given: Obj, errors: FieldErrors) -> None:
    for field in ("plural", "singular"):
        value = given.get(field)
        if value and (problems := names.dns1035_label(value)):
            errors.invalid(value, ",".join(problems), field)
    for field in ("kind", "listKind"):
        value = given.get(field)
        if value and (problems := names.dns1035_label(value.lower())):
            shape = f"may have mixed case, but should otherwise match: {','.join(problems)}"
            errors.invalid(value, shape, field)
    _validate_list_of_names(given, "shortNames", errors)
    if given.get("kind") and given["kind"] == given.get("listKind"):
        errors.invalid(given["listKind"], "kind and listKind may not be the same", "listKind")
    _validate_list_of_names(given, "categories", errors)


def _validate_list_of_names(given: Obj, field: str, errors: FieldErrors) -> None:
    for number, value in enumerate(given.get(field) or ()):
        if problems := names.dns1035_label(value):
            errors.at(field, number).invalid(value, ",".join(problems))


def _validate_stored_versions(crd: Obj, errors: FieldErrors) -> None:
    stored = list((crd.get("status") or {}).get("storedVersions") or ())
    versions: Sequence[Mapping[str, Any]] = (crd.get("spec") or {}).get("versions") or ()
    if not stored:
        errors.invalid(Verbatim("null"), "must have at least one stored version")
        return
    for version in versions:
        if version.get("storage") and version.get("name") not in stored:
            errors.invalid(stored, f"must have the storage version {version.get('name')}")
    known = {version.get("name") for version in versions}
    for number, name in enumerate(stored):
        if name not in known:
            errors.at(number).invalid(
                name,
                f"missing from spec.versions; {name} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {name} and removes "
                f"{name} from status.storedVersions",
            )
