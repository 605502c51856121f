"""The rules of `metadata`, for every kind: upstream's `apimachinery/pkg/api/validation/objectmeta.go`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..kind import Kind
from ..meta import MutableObj, Obj
from .addresses import strict_address

ANNOTATIONS_LIMIT = 256 * 1024
NAME_RULES: dict[str, Callable[[str], list[str]]] = {
    "dns1123subdomain": names.dns1123_subdomain,
    "dns1123label": names.dns1123_label,
    "dns1035label": names.dns1035_label,
    "path": names.path_segment,
    "ipaddress": strict_address,
}
IMMUTABLE = "field is immutable"


@lru_cache(maxsize=4096)
def _about_key(key: str) -> tuple[str, ...]:
    """What is wrong with the key of a label or an annotation: the same few come again and again."""
    return tuple(names.qualified_name(key))


@lru_cache(maxsize=4096)
def _about_value(value: str) -> tuple[str, ...]:
    """What is wrong with the value of a label."""
    return tuple(names.label_value(value))


@lru_cache(maxsize=1024)
def _about_namespace(name: str) -> tuple[str, ...]:
    return tuple(names.dns1123_label(name))


def validate_metadata(kind: Kind, obj: Obj, errors: FieldErrors) -> None:
    """The metadata of a new object. `errors` stands at the object's root."""
    metadata = obj["metadata"]
    at = errors.at("metadata")
    rule = NAME_RULES[kind.name_rule]
    if generated := metadata.get("generateName"):
        for message in rule(_masked(generated, kind.name_rule)):
            at.invalid(generated, message, "generateName")
    name = metadata.get("name", "")
    if not name:
        at.required("name", "name or generateName is required")
    else:
        for message in rule(name):
            at.invalid(name, message, "name")
    namespace = metadata.get("namespace", "")
    if kind.namespaced and not namespace:
        at.required("namespace")
    elif kind.namespaced:
        for message in _about_namespace(namespace):
            at.invalid(namespace, message, "namespace")
    elif namespace:
        at.forbidden("not allowed on this type", "namespace")
    _validate_parts(kind, metadata, at)


def validate_metadata_update(kind: Kind, new: Obj, old: Obj, errors: FieldErrors) -> None:
    """The metadata of an object that replaces `old`."""
    after, before = new["metadata"], old["metadata"]
    at = errors.at("metadata")
    for field in (
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ):
        if after.get(field) != before.get(field):
            at.invalid(after.get(field), IMMUTABLE, field)
    if before.get("deletionTimestamp"):
        kept = set(before.get("finalizers") or ())
        added = [each for each in after.get("finalizers") or () if each not in kept]
        if added:
            listed = ", ".join(f'"{each}"' for each in added)
            at.forbidden(
                f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}",
                "finalizers",
            )
    if after.get("generation", 0) < before.get("generation", 0):
        at.invalid(after.get("generation", 0), "must not be decremented", "generation")
    _validate_parts(kind, after, at)


def validate_labels(labels: Mapping[str, str] | None, errors: FieldErrors) -> None:
    """`errors` stands at the map."""
    for key, value in (labels or {}).items():
        for message in _about_key(key):
            errors.invalid(key, message)
        for message in _about_value(value):
            errors.invalid(value, message)


def validate_annotations(annotations: Mapping[str, str] | None, errors: FieldErrors) -> None:
    size = 0
    for key, value in (annotations or {}).items():
        for message in _about_key(key.lower()):
            errors.invalid(key, message)
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATIONS_LIMIT:
        errors.too_long(ANNOTATIONS_LIMIT)


def _validate_parts(kind: Kind, metadata: Obj, at: FieldErrors) -> None:
    validate_labels(metadata.get("labels"), at.at("labels"))
    validate_annotations(metadata.get("annotations"), at.at("annotations"))
    _validate_owners(metadata.get("ownerReferences") or (), at.at("ownerReferences"))
    extension = kind.own_schema is not None or kind.group == "apiextensions.k8s.io"
    _validate_finalizers(metadata.get("finalizers") or (), at.at("finalizers"), extension=extension)


def _validate_owners(owners: Any, errors: FieldErrors) -> None:
    controller = ""
    for owner in owners:
        if not owner.get("apiVersion"):
            errors.invalid(owner.get("apiVersion", ""), "version must not be empty", "apiVersion")
        for field in ("kind", "name", "uid"):
            if not owner.get(field):
                errors.invalid(owner.get(field, ""), "must not be empty", field)
        if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
            errors.invalid(owner, "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller"):
            if controller:
                errors.invalid(
                    owner,
                    "Only one reference can have Controller set to true. "
                    f'Found "true" in references for {controller} and {owner.get("name")}',
                )
            controller = owner.get("name", "")


def _validate_finalizers(finalizers: Any, errors: FieldErrors, *, extension: bool) -> None:
    """Upstream asks for a slash in the kinds of its core only (`extension` False)."""
    orphan = foreground = False
    for finalizer in finalizers:
        for message in names.qualified_name(finalizer):
            errors.invalid(finalizer, message)
        if (
            not extension
            and "/" not in finalizer
            and finalizer not in ("orphan", "foregroundDeletion", "kubernetes")
        ):
            errors.invalid(finalizer, "name is neither a standard finalizer name nor is it fully qualified")
        orphan |= finalizer == "orphan"
        foreground |= finalizer == "foregroundDeletion"
    if orphan and foreground:
        errors.invalid(list(finalizers), "finalizer orphan and foregroundDeletion cannot be both set")


def _masked(prefix: str, rule: str) -> str:
    """A prefix may end in what a name may not end in: the random part follows."""
    if rule != "path" and len(prefix) > 1 and prefix.endswith("-"):
        return prefix[:-2] + "a"
    return prefix


def without_status(obj: MutableObj) -> None:
    """A client cannot set the status of what it creates."""
    if "status" in obj:
        obj["status"] = {}
