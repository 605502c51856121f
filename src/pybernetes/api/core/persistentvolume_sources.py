"""The rules of what a PersistentVolume is made of, a function per source: upstream's `ValidatePersistentVolumeSpec`."""

from __future__ import annotations

import re
from collections.abc import Callable

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..podspec.validate_volumes import validate_host_path, validate_nfs

Rule = Callable[[Obj, FieldErrors], None]

DRIVER_NAME_LENGTH = 63
_BYTE = "must be between 0 and 255, inclusive"
_RESERVED = "kubernetes.io and k8s.io namespaces are reserved"
_DISK_URI = {
    "Managed": (
        "/subscriptions/",
        "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
    ),
    "": ("https://", "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"),
}
_INITIATOR = {
    "iqn": re.compile(r"iqn\.\d{4}-\d{2}\.([A-Za-z0-9\-.]+)(:[^,;*&$|\s]+)$"),
    "eui": re.compile(r"^eui.[A-Za-z0-9]{16}$"),
    "naa": re.compile(r"^naa.[A-Za-z0-9]{32}$"),
}


def validate_driver_name(name: str, field: str, errors: FieldErrors) -> None:
    """The name of a CSI driver, wherever one is given."""
    if not name:
        errors.required(field)
    if len(name) > DRIVER_NAME_LENGTH:
        errors.too_long(DRIVER_NAME_LENGTH, field)
    for message in names.dns1123_subdomain(name.lower()):
        errors.invalid(name, message, field)


def need(*fields: str) -> Rule:
    """A source that needs no more than these fields."""

    def rule(source: Obj, errors: FieldErrors) -> None:
        for field in fields:
            if not source.get(field):
                errors.required(field)

    return rule


def _disk(identity: str) -> Rule:
    """A cloud's disk with partitions."""

    def rule(source: Obj, errors: FieldErrors) -> None:
        need(identity)(source, errors)
        partition = source.get("partition") or 0
        if not 0 <= partition <= 255:
            errors.invalid(partition, _BYTE, "partition")

    return rule


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


def _flocker(source: Obj, errors: FieldErrors) -> None:
    name, uuid = source.get("datasetName"), source.get("datasetUUID")
    if not name and not uuid:
        errors.required(detail="one of datasetName and datasetUUID is required")
    if name and uuid:
        errors.invalid("resource", "datasetName and datasetUUID can not be specified simultaneously")
    if name and "/" in name:
        errors.invalid(name, "must not contain '/'", "datasetName")


def _quobyte(source: Obj, errors: FieldErrors) -> None:
    registry = source.get("registry") or ""
    if not registry:
        errors.required("registry", "must be a host:port pair or multiple pairs separated by commas")
    elif len(source.get("tenant") or "") >= 65:
        errors.required("tenant", "must be a UUID and may not exceed a length of 64 characters")
    elif not all(_is_host_port(pair) for pair in registry.split(",")):
        errors.invalid(registry, "must be a host:port pair or multiple pairs separated by commas", "registry")
    need("volume")(source, errors)


def _is_host_port(pair: str) -> bool:
    host, colon, port = pair.rpartition(":")
    return bool(colon and host and port)


def _iscsi(source: Obj, errors: FieldErrors) -> None:
    need("targetPortal")(source, errors)
    name = source.get("iqn") or ""
    if not name:
        errors.required("iqn")
    elif name[:3] not in _INITIATOR:
        errors.invalid(name, "must be valid format starting with iqn, eui, or naa", "iqn")
    elif not _INITIATOR[name[:3]].search(name):
        errors.invalid(name, "must be valid format", "iqn")
    lun = source.get("lun") or 0
    if not 0 <= lun <= 255:
        errors.invalid(lun, _BYTE, "lun")
    secret = source.get("secretRef")
    if secret is None and (source.get("chapAuthDiscovery") or source.get("chapAuthSession")):
        errors.required("secretRef")
    if secret is not None and not secret.get("name"):
        errors.at("secretRef").required("name")
    initiator = source.get("initiatorName")
    if initiator is not None:
        pattern = _INITIATOR.get(initiator[:3])
        if pattern is None or not pattern.search(initiator):
            errors.invalid(initiator, "must be valid format", "initiatorname")


def _fibre_channel(source: Obj, errors: FieldErrors) -> None:
    targets, wwids = source.get("targetWWNs") or (), source.get("wwids") or ()
    if not targets and not wwids:
        errors.required("targetWWNs", "must specify either targetWWNs or wwids, but not both")
    if targets and wwids:
        errors.invalid(targets, "targetWWNs and wwids can not be specified simultaneously", "targetWWNs")
    if targets:
        lun = source.get("lun")
        if lun is None:
            errors.required("lun", "lun is required if targetWWNs is specified")
        elif not 0 <= lun <= 255:
            errors.invalid(lun, _BYTE, "lun")


def _cinder(source: Obj, errors: FieldErrors) -> None:
    need("volumeID")(source, errors)
    if source.get("secretRef") is not None:
        need("name", "namespace")(source["secretRef"], errors.at("secretRef"))


def _flex(source: Obj, errors: FieldErrors) -> None:
    need("driver")(source, errors)
    for key in source.get("options") or ():
        domain = "." + key.split("/", 1)[0].lower()
        if domain.endswith((".kubernetes.io", ".k8s.io")):
            errors.at("options").at_key(key).invalid(key, _RESERVED)


def _azure_file(source: Obj, errors: FieldErrors) -> None:
    need("secretName", "shareName")(source, errors)
    if source.get("secretNamespace") == "":
        errors.required("secretNamespace")


def _azure_disk(source: Obj, errors: FieldErrors) -> None:
    need("diskName", "diskURI")(source, errors)
    for field, choices in (
        ("cachingMode", ["None", "ReadOnly", "ReadWrite"]),
        ("kind", ["Dedicated", "Managed", "Shared"]),
    ):
        if source.get(field) is not None and source[field] not in choices:
            errors.not_supported(source[field], choices, field)
    if source.get("kind") is not None:
        start, shape = _DISK_URI.get(source["kind"], _DISK_URI[""])
        uri = source.get("diskURI") or ""
        if not uri.startswith(start):
            errors.not_supported(uri, [shape], "diskURI")


def _local(source: Obj, errors: FieldErrors) -> None:
    path = source.get("path") or ""
    if not path:
        errors.required("path")
    elif ".." in path.split("/"):
        errors.invalid(path, "must not contain '..'", "path")


def _storageos(source: Obj, errors: FieldErrors) -> None:
    need("volumeName")(source, errors)
    for field in ("volumeName", "volumeNamespace"):
        if source.get(field):
            for message in names.dns1123_label(source[field]):
                errors.invalid(source[field], message, field)
    if source.get("secretRef") is not None:
        need("name", "namespace")(source["secretRef"], errors.at("secretRef"))


def _csi(source: Obj, errors: FieldErrors) -> None:
    validate_driver_name(source.get("driver") or "", "driver", errors)
    need("volumeHandle")(source, errors)
    for field in ("controllerPublish", "controllerExpand", "nodePublish", "nodeExpand"):
        secret = source.get(f"{field}SecretRef")
        if secret is not None:
            _secret(secret, errors.at(f"{field}SecretRef"))


def _secret(secret: Obj, errors: FieldErrors) -> None:
    need("name", "namespace")(secret, errors)
    for field, check in (("name", names.dns1123_subdomain), ("namespace", names.dns1123_label)):
        if secret.get(field):
            for message in check(secret[field]):
                errors.invalid(secret[field], message, field)


SOURCES: tuple[tuple[str, Rule], ...] = (
    ("hostPath", validate_host_path),
    ("gcePersistentDisk", _disk("pdName")),
    ("awsElasticBlockStore", _disk("volumeID")),
    ("glusterfs", _glusterfs),
    ("flocker", _flocker),
    ("nfs", validate_nfs),
    ("rbd", need("monitors", "image")),
    ("quobyte", _quobyte),
    ("cephfs", need("monitors")),
    ("iscsi", _iscsi),
    ("cinder", _cinder),
    ("fc", _fibre_channel),
    ("flexVolume", _flex),
    ("azureFile", _azure_file),
    ("vsphereVolume", need("volumePath")),
    ("photonPersistentDisk", need("pdID")),
    ("portworxVolume", need("volumeID")),
    ("azureDisk", _azure_disk),
    ("scaleIO", need("gateway", "system", "volumeName")),
    ("local", _local),
    ("storageos", _storageos),
    ("csi", _csi),
)
"""In the order in which upstream looks at them: the second that is given is the one too many."""

PATHS = {"gcePersistentDisk": "persistentDisk"}
"""Where upstream names a source by another word in the paths of its errors."""
TOO_MANY_PATHS = {"cephfs": "cephFS"}
