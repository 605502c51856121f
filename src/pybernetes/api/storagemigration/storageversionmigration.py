"""StorageVersionMigrations: every stored object of a resource is written again, in the version of today."""

from __future__ import annotations

from ..cells import NAME, dig
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import Obj
from ..validation.conditions import validate_conditions
from ..validation.metadata import without_status
from ..validation.values import immutable

RUNNING, SUCCEEDED, FAILED = "Running", "Succeeded", "Failed"


def validate(migration: Obj, errors: FieldErrors) -> None:
    if not dig(migration, "spec", "resource", "resource"):
        errors.at("spec", "resource").required("resource", "resource is required")


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new.get("spec") or {}, old.get("spec") or {}, "resource", errors.at("spec"))


def validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """It runs, then it has succeeded or failed, for good."""
    status, at = new.get("status") or {}, errors.at("status")
    conditions = status.get("conditions") or ()
    validate_conditions(conditions, at.at("conditions"))
    version = status.get("resourceVersion") or ""
    if version and not version.isdecimal():
        at.invalid(version, "resource version is not a valid integer", "resourceVersion")
    before = dig(old, "status", "resourceVersion")
    if before and version != before:
        at.invalid(version, "resourceVersion cannot be updated", "resourceVersion")
    if _is(new, SUCCEEDED) and _is(new, FAILED):
        at.invalid(
            conditions, "Both success and failed conditions cannot be true at the same time", "conditions"
        )
    if _is(new, RUNNING) and (_is(new, SUCCEEDED) or _is(new, FAILED)):
        at.invalid(
            conditions,
            "Running condition cannot be true when success or failed conditions are true",
            "conditions",
        )
    for kind, word in ((SUCCEEDED, "Success"), (FAILED, "Failed")):
        if _is(old, kind) and not _is(new, kind):
            at.invalid(conditions, f"{word} condition cannot be set to false once it is true", "conditions")


def _is(migration: Obj, kind: str) -> bool:
    return any(
        each.get("type") == kind and each.get("status") == "True"
        for each in dig(migration, "status", "conditions") or ()
    )


def _resource(migration: Obj, _now: float) -> Cell:
    resource = dig(migration, "spec", "resource") or {}
    return ".".join(part for part in (resource.get("resource"), resource.get("group")) if part)


STORAGEVERSIONMIGRATION = Kind(
    group="storagemigration.k8s.io",
    version="v1",
    kind="StorageVersionMigration",
    plural="storageversionmigrations",
    namespaced=False,
    status_metadata=(),
    unconditional_update=False,
    singular="storageversionmigration",
    subresources=("status",),
    schema="io.k8s.api.storagemigration.v1.StorageVersionMigration",
    prepare_create=without_status,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    columns=(NAME, Column("Resource", _resource, description="Fully qualified resource to migrate")),
)
