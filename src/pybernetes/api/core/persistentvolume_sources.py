"""The rules of what a PersistentVolume is made of, a function per source: upstream's `ValidatePersistentVolumeSpec`."""

from __future__ import annotations

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..podspec import validate_disks as disks
from ..podspec.validate_disks import Rule, need, with_secret
from ..podspec.validate_paths import no_backsteps
from ..podspec.validate_volumes import validate_driver_name

__all__ = ["PATHS", "SOURCES", "TOO_MANY_PATHS", "validate_driver_name"]


def _glusterfs(source: Obj, errors: FieldErrors) -> None:
    need("endpoints", "path")(source, errors)
    namespace = source.get("endpointsNamespace")
    if namespace == "":
        errors.invalid(
            "",
            "if the endpointnamespace is set, it must be a valid namespace name",
            "endpointsNamespace",
        )
    elif namespace is not None:
        for message in names.dns1123_label(namespace):
            errors.invalid(namespace, message, "endpointsNamespace")


def _iscsi(source: Obj, errors: FieldErrors) -> None:
    disks.initiator_names(source, errors, of_pod=False)


def _azure_file(source: Obj, errors: FieldErrors) -> None:
    need("secretName", "shareName")(source, errors)
    if source.get("secretNamespace") == "":
        errors.required("secretNamespace")


def _local(source: Obj, errors: FieldErrors) -> None:
    path = source.get("path") or ""
    if not path:
        errors.required("path")
    else:
        no_backsteps(path, "path", errors)


def _csi(source: Obj, errors: FieldErrors) -> None:
    validate_driver_name(source.get("driver") or "", "driver", errors)
    need("volumeHandle")(source, errors)
    for field in ("controllerPublish", "controllerExpand", "nodePublish", "nodeExpand"):
        secret = source.get(f"{field}SecretRef")
        if secret is not None:
            _secret(secret, errors.at(f"{field}SecretRef"))


def _secret(secret: Obj, errors: FieldErrors) -> None:
    for field, check in (("name", names.dns1123_subdomain), ("namespace", names.dns1123_label)):
        value = secret.get(field) or ""
        if not value:
            errors.required(field)
        for message in check(value) if value else ():
            errors.invalid(value, message, field)


SOURCES: tuple[tuple[str, Rule], ...] = (
    ("hostPath", disks.host_path),
    ("gcePersistentDisk", disks.disk("pdName")),
    ("awsElasticBlockStore", disks.disk("volumeID")),
    ("glusterfs", _glusterfs),
    ("flocker", disks.flocker),
    ("nfs", disks.nfs),
    ("rbd", need("monitors", "image")),
    ("quobyte", disks.quobyte),
    ("cephfs", need("monitors")),
    ("iscsi", _iscsi),
    ("cinder", with_secret(need("volumeID"), "name", "namespace")),
    ("fc", disks.fibre_channel),
    ("flexVolume", disks.flex),
    ("azureFile", _azure_file),
    ("vsphereVolume", need("volumePath")),
    ("photonPersistentDisk", need("pdID")),
    ("portworxVolume", need("volumeID")),
    ("azureDisk", disks.azure_disk),
    ("scaleIO", need("gateway", "system", "volumeName")),
    ("local", _local),
    ("storageos", with_secret(disks.storageos, "name", "namespace")),
    ("csi", _csi),
)
"""In the order in which upstream looks at them: the second that is given is the one too many."""

PATHS = {"gcePersistentDisk": "persistentDisk"}
"""Where upstream names a source by another word in the paths of its errors."""
TOO_MANY_PATHS = {"cephfs": "cephFS"}
