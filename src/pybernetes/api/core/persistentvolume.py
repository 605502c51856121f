"""PersistentVolumes: pieces of storage of the cluster, which claims bind."""

from __future__ import annotations

from pybernetes.lang import timestamps

from ..cells import AGE, NAME, at, dig
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj, annotations_of, is_deleting
from ..podspec.volumedefaults import default_volume
from ..validation.nodelabels import term_warnings
from .persistentvolume_validation import validate, validate_update

BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
BETA_MOUNT_OPTIONS = "volume.beta.kubernetes.io/mount-options"
_GONE = (
    ("cephfs", "cephfs", "v1.28", "v1.31"),
    ("photonPersistentDisk", "photonPersistentDisk", "v1.11", "v1.16"),
    ("scaleIO", "scaleIO", "v1.16", "v1.22"),
    ("storageos", "storageOS", "v1.22", "v1.25"),
    ("glusterfs", "glusterfs", "v1.25", "v1.26"),
    ("rbd", "rbd", "v1.28", "v1.31"),
)
"""(source, its name in the warning, deprecated in, without function since)."""
_ABBREVIATIONS = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def default(volume: MutableObj) -> None:
    spec = volume.setdefault("spec", {})
    if not spec.get("persistentVolumeReclaimPolicy"):
        spec["persistentVolumeReclaimPolicy"] = "Retain"
    spec.setdefault("volumeMode", "Filesystem")
    default_volume(spec)
    status = volume.setdefault("status", {})
    if not status.get("phase"):
        status["phase"] = "Pending"


def prepare_create(volume: MutableObj) -> None:
    """A new volume is pending, since now."""
    volume["status"] = {
        "phase": "Pending",
        "lastPhaseTransitionTime": volume["metadata"].get("creationTimestamp"),
    }


def prepare_status(new: MutableObj, old: Obj, now: float) -> None:
    """The server notes when the phase changed, unless the writer did."""
    status, before = new.setdefault("status", {}), old.get("status") or {}
    moment = before.get("lastPhaseTransitionTime")
    if status.get("phase") == before.get("phase"):
        if moment and not status.get("lastPhaseTransitionTime"):
            status["lastPhaseTransitionTime"] = moment
    elif status.get("lastPhaseTransitionTime") in (None, moment):
        status["lastPhaseTransitionTime"] = timestamps.rfc3339(now)


def warnings(volume: Obj, _old: Obj | None) -> list[str]:
    spec, annotations = volume.get("spec") or {}, annotations_of(volume)
    found = []
    if BETA_CLASS in annotations:
        found.append(
            f'metadata.annotations[{BETA_CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead'
        )
    if BETA_MOUNT_OPTIONS in annotations:
        found.append(
            f'metadata.annotations[{BETA_MOUNT_OPTIONS}]: deprecated since v1.31; use "mountOptions" attribute instead'
        )
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        found.append(
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. "
            "Instead, the recommended approach is to use dynamic provisioning."
        )
    for index, term in enumerate(dig(spec, "nodeAffinity", "required", "nodeSelectorTerms") or ()):
        path = f"spec.nodeAffinity.required.nodeSelectorTerms[{index}].matchExpressions"
        found += term_warnings(path, term.get("matchExpressions"))
    for source, name, since, gone in _GONE:
        if spec.get(source) is not None:
            found.append(f"spec.{name}: deprecated in {since}, non-functional in {gone}+")
    return found


def access_modes(modes: object) -> str:
    """`RWO,ROX`: each mode once, in upstream's order."""
    given = set(modes) if isinstance(modes, (list, tuple)) else set()
    return ",".join(short for mode, short in _ABBREVIATIONS.items() if mode in given)


def phase_cell(obj: Obj, _now: float) -> Cell:
    """The phase of a volume or a claim."""
    return "Terminating" if is_deleting(obj) else str(dig(obj, "status", "phase") or "")


def class_cell(obj: Obj, _now: float) -> Cell:
    """The storage class of a volume or a claim, the old annotation first."""
    annotations = annotations_of(obj)
    if BETA_CLASS in annotations:
        return annotations[BETA_CLASS]
    return str(dig(obj, "spec", "storageClassName") or "")


def _claim(volume: Obj, _now: float) -> Cell:
    claim = dig(volume, "spec", "claimRef")
    return "" if claim is None else f"{claim.get('namespace', '')}/{claim.get('name', '')}"


ATTRIBUTES_CLASS = Column("VolumeAttributesClass", at("spec", "volumeAttributesClassName", default="<unset>"))
VOLUME_MODE = Column("VolumeMode", at("spec", "volumeMode", default="<unset>"), priority=1)

PERSISTENTVOLUME = Kind(
    group="",
    version="v1",
    kind="PersistentVolume",
    plural="persistentvolumes",
    namespaced=False,
    singular="persistentvolume",
    short_names=("pv",),
    subresources=("status",),
    schema="io.k8s.api.core.v1.PersistentVolume",
    default=default,
    prepare_create=prepare_create,
    prepare_status=prepare_status,
    validate=validate,
    validate_update=validate_update,
    warnings=warnings,
    columns=(
        NAME,
        Column("Capacity", at("spec", "capacity", "storage", default="0")),
        Column("Access Modes", lambda obj, _now: access_modes(dig(obj, "spec", "accessModes"))),
        Column("Reclaim Policy", at("spec", "persistentVolumeReclaimPolicy")),
        Column("Status", phase_cell),
        Column("Claim", _claim),
        Column("StorageClass", class_cell),
        ATTRIBUTES_CLASS,
        Column("Reason", at("status", "reason")),
        AGE,
        VOLUME_MODE,
    ),
)
