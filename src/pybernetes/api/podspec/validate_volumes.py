"""The rules of a pod's volumes: one source each, in the order in which upstream looks for them."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names, quantity

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.metadata import validate_annotations, validate_labels
from .validate_claim import validate_claim_spec
from .validate_disks import RULES as DISKS
from .validate_disks import Rule
from .validate_projected import config_map, downward, projected, secret

DRIVER_NAME_LENGTH = 63
PULL_POLICIES = ["Always", "IfNotPresent", "Never"]
_DIRECTORY_MODE = "must be a number between 0 and 01777 (octal), both inclusive"
_LONG_PORTAL = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified."


def validate_volumes(volumes: Any, errors: FieldErrors, pod_name: str = "") -> dict[str, Obj]:
    """The good volumes by name: what a container mounts must be one of these. `pod_name` is "" for a template: claims of
    ephemeral volumes are named after the pod."""
    good: dict[str, Obj] = {}
    claims = {
        f"{pod_name}-{volume.get('name', '')}"
        for volume in volumes
        if pod_name and volume.get("ephemeral") is not None
    }
    for index, volume in enumerate(volumes):
        at, name = errors.at(index), volume.get("name") or ""
        before = len(errors.causes)
        _validate_source(volume, at, pod_name)
        if not name:
            at.required("name")
        for message in names.dns1123_label(name) if name else ():
            at.invalid(name, message, "name")
        if name in good:
            at.duplicate(name, "name")
        if len(errors.causes) == before:
            good[name] = volume
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim in claims:
            at.at("persistentVolumeClaim").invalid(
                claim, "must not reference a PVC that gets created for an ephemeral volume", "claimName"
            )
    return good


def _validate_source(volume: Obj, at: FieldErrors, pod_name: str) -> None:
    found = False
    for field, rule in _RULES:
        source = volume.get(field)
        if source is None:
            continue
        if found:
            at.forbidden("may not specify more than 1 volume type", _TOO_MANY_PATHS.get(field, field))
        else:
            found = True
            rule(source, at.at(_PATHS.get(field, field)))
            if field == "ephemeral":
                _claim_name(volume.get("name") or "", pod_name, at)
        if field == "iscsi" and source.get("initiatorName") is not None:
            name = volume.get("name") or ""
            if len(f"{name}:{source.get('targetPortal') or ''}") > 64:
                at.invalid(name, _LONG_PORTAL, "name")
    if not found:
        at.required(detail="must specify a volume type")


def _claim_name(volume: str, pod: str, at: FieldErrors) -> None:
    name = f"{pod}-{volume}"
    for message in names.dns1123_subdomain(name) if pod and volume else ():
        at.invalid(volume, f'PVC name "{name}": {message}', "name")


def _empty_dir(source: Obj, errors: FieldErrors) -> None:
    limit, mode = source.get("sizeLimit"), source.get("mode")
    if limit is not None and quantity.parse(limit).nano < 0:
        errors.forbidden("SizeLimit field must be a valid resource quantity", "sizeLimit")
    if mode is not None and not 0 <= mode <= 0o1777:
        errors.invalid(mode, _DIRECTORY_MODE, "mode")


def _claim(source: Obj, errors: FieldErrors) -> None:
    if not source.get("claimName"):
        errors.required("claimName")


def validate_driver_name(name: str, field: str, errors: FieldErrors) -> None:
    """The name of a CSI driver, wherever one is given."""
    if not name:
        errors.required(field)
    if len(name) > DRIVER_NAME_LENGTH:
        errors.too_long(DRIVER_NAME_LENGTH, field)
    for message in names.dns1123_subdomain(name.lower()):
        errors.invalid(name, message, field)


def _csi(source: Obj, errors: FieldErrors) -> None:
    validate_driver_name(source.get("driver") or "", "driver", errors)
    credentials = source.get("nodePublishSecretRef")
    if credentials is None:
        return
    name = credentials.get("name") or ""
    if not name:
        errors.at("nodePublishSecretRef").required("name")
    for message in names.dns1123_subdomain(name) if name else ():
        errors.invalid(name, message, "name")  # upstream's path leaves the reference out


def _image(source: Obj, errors: FieldErrors) -> None:
    if not source.get("reference"):
        errors.required("reference")
    policy = source.get("pullPolicy") or ""
    if not policy:
        errors.required("pullPolicy")
    elif policy not in PULL_POLICIES:
        errors.not_supported(policy, PULL_POLICIES, "pullPolicy")


def _ephemeral(source: Obj, errors: FieldErrors) -> None:
    template = source.get("volumeClaimTemplate")
    if template is None:
        errors.required("volumeClaimTemplate")
        return
    at = errors.at("volumeClaimTemplate")
    metadata, here = template.get("metadata") or {}, at.at("metadata")
    validate_annotations(metadata.get("annotations"), here.at("annotations"))
    validate_labels(metadata.get("labels"), here.at("labels"))
    for field in metadata:
        if field not in ("annotations", "labels") and metadata[field]:
            here.forbidden("cannot be set", {"uid": "uID"}.get(field, field))
    validate_claim_spec(template.get("spec") or {}, at.at("spec"))


def _disks(*fields: str) -> tuple[tuple[str, Rule], ...]:
    return tuple((field, DISKS[field]) for field in fields)


_RULES: tuple[tuple[str, Rule], ...] = (
    ("emptyDir", _empty_dir),
    *_disks("hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore"),
    ("secret", secret),
    *_disks("nfs", "iscsi", "glusterfs", "flocker"),
    ("persistentVolumeClaim", _claim),
    *_disks("rbd", "cinder", "cephfs", "quobyte"),
    ("downwardAPI", downward),
    *_disks("fc", "flexVolume"),
    ("configMap", config_map),
    *_disks("azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk", "storageos"),
    ("projected", projected),
    *_disks("scaleIO"),
    ("csi", _csi),
    ("ephemeral", _ephemeral),
    ("image", _image),
)
_PATHS = {"gcePersistentDisk": "persistentDisk"}
"""Where upstream names a source by another word in the paths of its errors."""
_TOO_MANY_PATHS = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}
"""The same where it is the one too many; the second of these is a slip of upstream's."""
