"""What a CustomResourceDefinition must be: upstream's `apiextensions/validation`, its paths and messages.

Upstream validates an internal form, in which a schema, subresources and columns that all versions share stand once, at
`spec.validation`, `spec.subresources` and `spec.additionalPrinterColumns`: that is where its errors point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from .celrules import validate_rules
from .defaults import validate_defaults
from .structural import Structural
from .structural_validation import validate_structural
from .version_parts import validate_columns, validate_scale, validate_selectable

SCOPES = ("Cluster", "Namespaced")
STRATEGIES = ("None", "Webhook")
IMMUTABLE = "field is immutable"
LONGEST_WARNING = 256


def validate(crd: Obj, errors: FieldErrors) -> None:
    spec = crd.get("spec") or {}
    given_names = spec.get("names") or {}
    name = crd["metadata"].get("name", "")
    required = f"{given_names.get('plural', '')}.{spec.get('group', '')}"
    if name != required:
        errors.at("metadata").invalid(name, 'must be spec.names.plural+"."+spec.group', "name")
    _validate_spec(spec, errors.at("spec"))
    _validate_stored_versions(crd, errors.at("status").at("storedVersions"))


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """Of an established definition, what clients have learned cannot change."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    at = errors.at("spec")
    conditions = (old.get("status") or {}).get("conditions") or ()
    if any(c.get("type") == "Established" and c.get("status") == "True" for c in conditions):
        if after.get("scope") != before.get("scope"):
            at.invalid(after.get("scope"), IMMUTABLE, "scope")
        if _name(after, "kind") != _name(before, "kind"):
            at.at("names").invalid(_name(after, "kind"), IMMUTABLE, "kind")
    if after.get("group") != before.get("group"):
        at.invalid(after.get("group"), IMMUTABLE, "group")
    if _name(after, "plural") != _name(before, "plural"):
        at.at("names").invalid(_name(after, "plural"), IMMUTABLE, "plural")


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    _validate_stored_versions(new, errors.at("status").at("storedVersions"))


def _name(spec: Obj, field: str) -> Any:
    return (spec.get("names") or {}).get(field)


def _validate_spec(spec: Obj, errors: FieldErrors) -> None:
    group = spec.get("group", "")
    if not group:
        errors.required("group")
    elif problems := names.dns1123_subdomain(group):
        errors.invalid(group, ",".join(problems), "group")
    elif "." not in group:
        errors.invalid(group, "should be a domain with at least one dot", "group")
    scope = spec.get("scope", "")
    if not scope:
        errors.required("scope")
    elif scope not in SCOPES:
        errors.not_supported(scope, SCOPES, "scope")
    if spec.get("preserveUnknownFields"):
        errors.invalid(True, "must be false", "preserveUnknownFields")
    versions = spec.get("versions") or []
    _validate_versions(versions, errors)
    _validate_names(spec.get("names") or {}, errors.at("names"))
    _validate_shared(versions, errors)
    _validate_conversion(spec.get("conversion") or {}, errors.at("conversion"))


def _validate_versions(versions: Sequence[Obj], errors: FieldErrors) -> None:
    at = errors.at("versions")
    found = [version.get("name", "") for version in versions]
    for number, version in enumerate(versions):
        here = at.at(number)
        name = version.get("name", "")
        if problems := names.dns1035_label(name):
            here.invalid(name, ",".join(problems), "name")
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            here.at("schema").required("openAPIV3Schema", "schemas are required")
        warning = version.get("deprecationWarning")
        if warning is not None:
            if not version.get("deprecated"):
                here.invalid(warning, "can only be set for deprecated versions", "deprecationWarning")
            if len(warning) > LONGEST_WARNING:
                here.invalid(warning, f"must be <= {LONGEST_WARNING} characters long", "deprecationWarning")
            if not warning:
                here.invalid(warning, "must not be an empty string", "deprecationWarning")
    if len(set(found)) < len(found):
        errors.invalid(_shown(versions), "must contain unique version names", "versions")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        errors.invalid(
            _shown(versions), "must have exactly one version marked as storage version", "versions"
        )


def _shown(versions: Sequence[Obj]) -> list[Any]:
    return [{key: value for key, value in version.items() if key != "schema"} for version in versions]


def _validate_names(given: Obj, errors: FieldErrors) -> None:
    for field in ("plural", "singular"):
        value = given.get(field, "")
        if not value:
            errors.required(field)
        elif problems := names.dns1035_label(value):
            errors.invalid(value, ",".join(problems), field)
    for field in ("kind", "listKind"):
        value = given.get(field, "")
        if not value:
            errors.required(field)
        elif problems := names.dns1035_label(value.lower()):
            errors.invalid(
                value, f"may have mixed case, but should otherwise match: {','.join(problems)}", field
            )
    for field in ("shortNames", "categories"):
        for number, value in enumerate(given.get(field) or ()):
            if problems := names.dns1035_label(value):
                errors.at(field).at(number).invalid(value, ",".join(problems))
    if given.get("kind") and given.get("kind") == given.get("listKind"):
        errors.invalid(given["listKind"], "kind and listKind may not be the same", "listKind")


def _validate_shared(versions: Sequence[Obj], errors: FieldErrors) -> None:
    """Schemas, subresources, columns and selectable fields, where upstream's internal form has them."""
    schemas = [(version.get("schema") or {}).get("openAPIV3Schema") for version in versions]
    for at, schema in _places(schemas, errors, "validation", "schema"):
        if schema:
            before = len(errors.causes)
            validate_structural(schema, at.at("openAPIV3Schema"))
            if len(errors.causes) == before:
                validate_rules(Structural(schema, root=True), at.at("openAPIV3Schema"))
                validate_defaults(Structural(schema, root=True), at.at("openAPIV3Schema"))
    scales = [(version.get("subresources") or {}) for version in versions]
    for at, subresources in _places(scales, errors, "subresources", "subresources"):
        if subresources.get("scale") is not None:
            validate_scale(subresources["scale"], at.at("scale"))
    columns = [version.get("additionalPrinterColumns") or [] for version in versions]
    for at, shown in _places(columns, errors, "additionalPrinterColumns", "additionalPrinterColumns"):
        validate_columns(shown, at)
    pairs = [
        (version.get("selectableFields") or [], schema)
        for version, schema in zip(versions, schemas, strict=True)
    ]
    for at, (fields, schema) in _places(pairs, errors, "selectableFields", "selectableFields"):
        validate_selectable(fields, schema or {}, at)


def _places(
    values: Sequence[Any], errors: FieldErrors, shared: str, own: str
) -> list[tuple[FieldErrors, Any]]:
    if values and all(value == values[0] for value in values):
        return [(errors.at(shared), values[0])]
    return [(errors.at("versions").at(number).at(own), value) for number, value in enumerate(values)]


def _validate_conversion(conversion: Obj, errors: FieldErrors) -> None:
    strategy = conversion.get("strategy", "")
    if not strategy:
        errors.required("strategy")
    elif strategy not in STRATEGIES:
        errors.not_supported(strategy, STRATEGIES, "strategy")
    webhook = conversion.get("webhook")
    if strategy != "Webhook":
        if webhook is not None:
            errors.forbidden("should not be set when strategy is not set to Webhook", "webhook")
        return
    config = (webhook or {}).get("clientConfig")
    if not isinstance(config, Mapping):
        errors.required("webhookClientConfig", "required when strategy is set to Webhook")
    elif bool(config.get("url")) == bool(config.get("service")):
        errors.at("webhookClientConfig").required("", "exactly one of url or service is required")
    review = (webhook or {}).get("conversionReviewVersions") or []
    if not review:
        errors.required("conversionReviewVersions")
    elif not {"v1", "v1beta1"} & set(review):
        errors.invalid(list(review), "must include at least one of v1, v1beta1", "conversionReviewVersions")


def _validate_stored_versions(crd: Obj, errors: FieldErrors) -> None:
    stored = (crd.get("status") or {}).get("storedVersions") or []
    versions = (crd.get("spec") or {}).get("versions") or []
    known = {version.get("name") for version in versions}
    if not stored:
        errors.invalid(list(stored), "must have at least one stored version")
        return
    for number, name in enumerate(stored):
        if name not in known:
            errors.at(number).invalid(
                name,
                "missing from spec.versions; "
                f"{name} was previously a storage version, and must remain in spec.versions until a storage migration "
                f"ensures no data remains persisted in {name} and removes {name} from status.storedVersions",
            )
    for version in versions:
        if version.get("storage") and version.get("name") not in stored:
            errors.invalid(list(stored), f"must have the storage version {version.get('name')}")
