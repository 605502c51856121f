"""PersistentVolumeClaims: a namespace's requests for storage."""

from __future__ import annotations

from pybernetes.lang import quantity

from ..cells import AGE, NAME, at, dig
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj, annotations_of
from .persistentvolume import (
    ATTRIBUTES_CLASS,
    BETA_CLASS,
    VOLUME_MODE,
    access_modes,
    class_cell,
    phase_cell,
)
from .persistentvolumeclaim_validation import validate, validate_status, validate_update


def default(claim: MutableObj) -> None:
    default_claim_spec(claim.setdefault("spec", {}))
    status = claim.setdefault("status", {})
    if not status.get("phase"):
        status["phase"] = "Pending"


def default_claim_spec(spec: MutableObj) -> None:
    """Also of the claim templates in pods and StatefulSets."""
    spec.setdefault("volumeMode", "Filesystem")


def prepare_create(claim: MutableObj) -> None:
    claim["status"] = {"phase": "Pending"}
    _settle_data_sources(claim.get("spec") or {}, {})


def prepare_update(new: MutableObj, old: Obj) -> None:
    _settle_data_sources(new.get("spec") or {}, old.get("spec") or {})


def _settle_data_sources(spec: MutableObj, before: Obj) -> None:
    """The two fields for where the contents come from say the same, unless the source is in another namespace.

    Sources of another namespace need a feature that is off by default. The old field takes claims and snapshots only.
    """
    reference = spec.get("dataSourceRef")
    had_reference = before.get("dataSourceRef") is not None
    if reference is not None and reference.get("namespace") and not had_reference:
        spec.pop("dataSourceRef")
    if not had_reference and before.get("dataSource") is None and not _is_classic(spec.get("dataSource")):
        spec.pop("dataSource", None)
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None and reference is None:
        spec["dataSourceRef"] = dict(source)
    elif source is None and reference is not None and not reference.get("namespace"):
        spec["dataSource"] = {key: value for key, value in reference.items() if key != "namespace"}


def _is_classic(source: Obj | None) -> bool:
    if source is None:
        return False
    return (source.get("apiGroup") or "", source.get("kind")) in (
        ("", "PersistentVolumeClaim"),
        ("snapshot.storage.k8s.io", "VolumeSnapshot"),
    )


def warnings(claim: Obj, _old: Obj | None) -> list[str]:
    found = []
    if BETA_CLASS in annotations_of(claim):
        found.append(
            f'metadata.annotations[{BETA_CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead'
        )
    for part in ("requests", "limits"):
        amount = dig(claim, "spec", "resources", part, "storage")
        if amount is not None and quantity.parse(amount).nano % quantity.NANO:
            found.append(
                f'spec.resources.{part}[storage]: fractional byte value "{amount}" is invalid, must be an integer'
            )
    return found


def _capacity(claim: Obj, _now: float) -> Cell:
    """Of the volume, once there is one."""
    if not dig(claim, "spec", "volumeName"):
        return ""
    return str(dig(claim, "status", "capacity", "storage") or "0")


def _modes(claim: Obj, _now: float) -> Cell:
    return access_modes(dig(claim, "status", "accessModes")) if dig(claim, "spec", "volumeName") else ""


PERSISTENTVOLUMECLAIM = Kind(
    group="",
    version="v1",
    kind="PersistentVolumeClaim",
    plural="persistentvolumeclaims",
    namespaced=True,
    singular="persistentvolumeclaim",
    short_names=("pvc",),
    subresources=("status",),
    schema="io.k8s.api.core.v1.PersistentVolumeClaim",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    validate=validate,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=warnings,
    columns=(
        NAME,
        Column("Status", phase_cell),
        Column("Volume", at("spec", "volumeName")),
        Column("Capacity", _capacity),
        Column("Access Modes", _modes),
        Column("StorageClass", class_cell),
        ATTRIBUTES_CLASS,
        AGE,
        VOLUME_MODE,
    ),
)
