"""The rules that the metadata of every object must keep, in upstream's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.lang import names

NAME_RULES: Mapping[str, Callable[[str], list[str]]] = {
    "dns1123subdomain": names.dns1123_subdomain,
    "dns1123label": names.dns1123_label,
    "dns1035label": names.dns1035_label,
    "path": names.path_segment,
}
ANNOTATION_BYTES = 256 * 1024
IMMUTABLE = ("name", "namespace", "uid", "creationTimestamp")


def validate_metadata(kind: Kind, tree: Obj, errors: FieldErrors) -> None:
    """Name, labels, annotations, finalizers and owners of an object."""
    metadata, at = tree["metadata"], errors.at("metadata")
    rule = NAME_RULES[kind.name_rule]
    generate, name = metadata.get("generateName"), metadata.get("name")
    if generate:
        for problem in rule(str(generate).rstrip("-") + "x"):
            at.invalid(generate, problem, "generateName")
    if not name:
        at.required("name", "name or generateName is required")
    else:
        for problem in rule(name):
            at.invalid(name, problem, "name")
    if kind.namespaced:
        for problem in names.dns1123_label(metadata.get("namespace", "")):
            at.invalid(metadata.get("namespace", ""), problem, "namespace")
    _labels(metadata.get("labels"), at.at("labels"))
    _annotations(metadata.get("annotations"), at.at("annotations"))
    for finalizer in metadata.get("finalizers") or ():
        for problem in names.qualified_name(finalizer):
            at.invalid(finalizer, problem, "finalizers")
    _owners(metadata.get("ownerReferences") or (), at.at("ownerReferences"))


def _labels(labels: Mapping[str, str] | None, errors: FieldErrors) -> None:
    for key, value in (labels or {}).items():
        for problem in names.qualified_name(key):
            errors.invalid(key, problem)
        for problem in names.label_value(value):
            errors.invalid(value, problem)


def _annotations(annotations: Mapping[str, str] | None, errors: FieldErrors) -> None:
    size = 0
    for key, value in (annotations or {}).items():
        for problem in names.qualified_name(key.lower()):
            errors.invalid(key, problem)
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATION_BYTES:
        errors.too_long(ANNOTATION_BYTES)


def _owners(owners: Any, errors: FieldErrors) -> None:
    controllers = [owner.get("name", "") for owner in owners if owner.get("controller")]
    for owner in owners:
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                errors.invalid(
                    owner.get(field, ""),
                    f"{'version' if field == 'apiVersion' else field} must not be empty",
                    field,
                )
    if len(controllers) > 1:
        errors.invalid(
            [dict(owner) for owner in owners],
            f'Only one reference can have Controller set to true. Found "true" in references for {controllers[0]} '
            f"and {controllers[1]}",
        )


def validate_metadata_update(kind: Kind, new: Obj, old: Obj, errors: FieldErrors) -> None:
    """The same, and what an update may not change."""
    validate_metadata(kind, new, errors)
    after, before, at = new["metadata"], old["metadata"], errors.at("metadata")
    for field in IMMUTABLE:
        if after.get(field) != before.get(field):
            at.invalid(after.get(field), "field is immutable", field)
    if before.get("deletionTimestamp"):
        had = before.get("finalizers") or ()
        fresh = [finalizer for finalizer in after.get("finalizers") or () if finalizer not in had]
        if fresh:
            shown = ", ".join(f'"{finalizer}"' for finalizer in fresh)
            at.forbidden(
                "no new finalizers can be added if the object is being deleted, found new finalizers "
                f"[]string{{{shown}}}",
                "finalizers",
            )
