"""StorageVersionMigrations: every stored object of a resource is written again, in the version of today."""

from __future__ import annotations

import re
from dataclasses import replace

from pybernetes.lang import names

from ..cells import NAME, dig
from ..fielderrors import FieldErrors
from ..kind import Cell, Column, Kind
from ..meta import Obj
from ..validation.conditions import validate_conditions
from ..validation.metadata import IMMUTABLE, without_status
from ..validation.values import immutable

_WELL_FORMED = re.compile(r"[1-9][0-9]*")
RUNNING, SUCCEEDED, FAILED = "Running", "Succeeded", "Failed"


def validate(migration: Obj, errors: FieldErrors) -> None:
    """Group and resource are named as in an APIService."""
    found, at = dig(migration, "spec", "resource") or {}, errors.at("spec", "resource")
    resource, group = found.get("resource") or "", found.get("group") or ""
    if not resource:
        at.required("resource", "resource is required to be set")
    elif problems := names.dns1035_label(resource):
        at.invalid(resource, ",".join(problems), "resource")
    if group and (problems := names.dns1123_subdomain(group)):
        at.invalid(group, ",".join(problems), "group")


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    immutable(new, old, "spec", errors)


def validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """It runs, then it has succeeded or failed, for good."""
    status, at = new.get("status") or {}, errors.at("status")
    conditions = status.get("conditions") or ()
    version = status.get("resourceVersion") or ""
    if version and not _WELL_FORMED.fullmatch(version):
        at.invalid(version, f"resource version is not well formed: {version}", "resourceVersion")
    validate_conditions(conditions, at.at("conditions"))
    before = dig(old, "status", "resourceVersion")
    if before and version != before:
        at.invalid(version, IMMUTABLE, "resourceVersion")
    if _is(new, SUCCEEDED) and _is(new, FAILED):
        at.invalid(
            conditions, "Both success and failed conditions cannot be true at the same time", "conditions"
        )
    for kind, word in ((SUCCEEDED, "success"), (FAILED, "failed")):
        if _is(new, kind) and _is(new, RUNNING):
            why = f"Running condition cannot be true when {word} condition is true"
            at.invalid(conditions, why, "conditions")
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
    columns=(
        replace(NAME, format=""),
        Column("Resource", _resource, description="Fully qualified resource to migrate"),
    ),
)
