"""The rules of network disks in pods: sources of volumes from before there was CSI. PersistentVolumes share most of them."""

from __future__ import annotations

import re
from collections.abc import Callable

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from .validate_paths import local_descending_path, no_backsteps

Rule = Callable[[Obj, FieldErrors], None]

BYTE = "must be between 0 and 255, inclusive"
PARTITION = "must be between 1 and 255, inclusive"
_RESERVED = "kubernetes.io and k8s.io namespaces are reserved"
_HOST_PORTS = "must be a host:port pair or multiple pairs separated by commas"
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
_HOST_PATH_TYPES = [
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
]


def need(*fields: str) -> Rule:
    """A source that needs no more than these fields."""

    def rule(source: Obj, errors: FieldErrors) -> None:
        for field in fields:
            if not source.get(field):
                errors.required(field)

    return rule


def disk(identity: str) -> Rule:
    """A cloud's disk with partitions."""

    def rule(source: Obj, errors: FieldErrors) -> None:
        need(identity)(source, errors)
        partition = source.get("partition") or 0
        if not 0 <= partition <= 255:
            errors.invalid(partition, PARTITION, "partition")  # 0 is good, whatever upstream says

    return rule


def with_secret(rule: Rule, *fields: str) -> Rule:
    """The rule, and that a secret, where one is meant, has these fields."""

    def both(source: Obj, errors: FieldErrors) -> None:
        rule(source, errors)
        if source.get("secretRef") is not None:
            need(*fields)(source["secretRef"], errors.at("secretRef"))

    return both


def host_path(source: Obj, errors: FieldErrors) -> None:
    path = source.get("path") or ""
    if not path:
        errors.required("path")
        return
    no_backsteps(path, "path", errors)
    if source.get("type") not in (*_HOST_PATH_TYPES, None):
        errors.not_supported(source["type"], _HOST_PATH_TYPES, "type")


def git_repo(source: Obj, errors: FieldErrors) -> None:
    need("repository")(source, errors)
    local_descending_path(source.get("directory") or "", "directory", errors)


def nfs(source: Obj, errors: FieldErrors) -> None:
    need("server", "path")(source, errors)
    path = source.get("path") or ""
    if not path.startswith("/"):
        errors.invalid(path, "must be an absolute path", "path")


def flocker(source: Obj, errors: FieldErrors) -> None:
    name, uuid = source.get("datasetName"), source.get("datasetUUID")
    if not name and not uuid:
        errors.required(detail="one of datasetName and datasetUUID is required")
    if name and uuid:
        errors.invalid("resource", "datasetName and datasetUUID can not be specified simultaneously")
    if name and "/" in name:
        errors.invalid(name, "must not contain '/'", "datasetName")


def quobyte(source: Obj, errors: FieldErrors) -> None:
    registry = source.get("registry") or ""
    if not registry:
        errors.required("registry", _HOST_PORTS)
    elif len(source.get("tenant") or "") >= 65:
        errors.required("tenant", "must be a UUID and may not exceed a length of 64 characters")
    else:
        for pair in registry.split(","):
            if not _is_host_port(pair):
                errors.invalid(registry, _HOST_PORTS, "registry")
    need("volume")(source, errors)


def _is_host_port(pair: str) -> bool:
    """As Go's `net.SplitHostPort` takes it: brackets around an IPv6 address, the port may be empty."""
    host, colon, _ = pair.rpartition(":")
    if host.startswith("["):
        return bool(colon) and host.endswith("]")
    return bool(colon) and ":" not in host


def initiator_names(source: Obj, errors: FieldErrors, *, of_pod: bool) -> None:
    """Of iSCSI: the target's name, and the initiator's where it is given. Upstream's words differ a little between pods
    and volumes."""
    prefixed = "must be valid format starting with iqn, eui, or naa"
    name, initiator = source.get("iqn") or "", source.get("initiatorName")
    if not name:
        errors.required("iqn")
    else:
        _initiator(name, "iqn", prefixed if of_pod else "must be valid format", errors)
    lun = source.get("lun") or 0
    if not 0 <= lun <= 255:
        errors.invalid(lun, BYTE, "lun")
    secret = source.get("secretRef")
    if secret is None and (source.get("chapAuthDiscovery") or source.get("chapAuthSession")):
        errors.required("secretRef")
    if secret is not None and not of_pod and not secret.get("name"):
        errors.at("secretRef").required("name")
    if initiator is not None:
        _initiator(initiator, "initiatorname", prefixed if of_pod else "must be valid format", errors)


def _initiator(name: str, field: str, no_prefix: str, errors: FieldErrors) -> None:
    pattern = _INITIATOR.get(name[:3])
    if pattern is None:
        errors.invalid(name, no_prefix, field)
    elif not pattern.search(name):
        errors.invalid(name, "must be valid format", field)


def _iscsi(source: Obj, errors: FieldErrors) -> None:
    need("targetPortal")(source, errors)
    initiator_names(source, errors, of_pod=True)


def fibre_channel(source: Obj, errors: FieldErrors) -> None:
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
            errors.invalid(lun, BYTE, "lun")


def flex(source: Obj, errors: FieldErrors) -> None:
    need("driver")(source, errors)
    for key in source.get("options") or ():
        domain = "." + key.split("/", 1)[0].lower()
        if domain.endswith((".kubernetes.io", ".k8s.io")):
            errors.at("options").at_key(key).invalid(key, _RESERVED)


def azure_disk(source: Obj, errors: FieldErrors) -> None:
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


def storageos(source: Obj, errors: FieldErrors) -> None:
    need("volumeName")(source, errors)
    for field in ("volumeName", "volumeNamespace"):
        if source.get(field):
            for message in names.dns1123_label(source[field]):
                errors.invalid(source[field], message, field)


RULES: dict[str, Rule] = {
    "hostPath": host_path,
    "gitRepo": git_repo,
    "gcePersistentDisk": disk("pdName"),
    "awsElasticBlockStore": disk("volumeID"),
    "nfs": nfs,
    "iscsi": _iscsi,
    "glusterfs": need("endpoints", "path"),
    "flocker": flocker,
    "rbd": need("monitors", "image"),
    "cinder": with_secret(need("volumeID"), "name"),
    "cephfs": need("monitors"),
    "quobyte": quobyte,
    "fc": fibre_channel,
    "flexVolume": flex,
    "azureFile": need("secretName", "shareName"),
    "vsphereVolume": need("volumePath"),
    "photonPersistentDisk": need("pdID"),
    "portworxVolume": need("volumeID"),
    "azureDisk": azure_disk,
    "storageos": with_secret(storageos, "name"),
    "scaleIO": need("gateway", "system", "volumeName"),
}
"""Of the volumes of pods."""
