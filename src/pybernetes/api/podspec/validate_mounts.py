"""The rules of a container's mounts and block devices."""

from __future__ import annotations

from typing import Any

from ..fielderrors import FieldErrors
from ..meta import Obj

PROPAGATION = ("Bidirectional", "HostToContainer", "None")


def validate_mounts(container: Obj, volumes: dict[str, Any], errors: FieldErrors) -> None:
    """`volumes` are the pod's, by name."""
    devices = {device.get("name") for device in container.get("volumeDevices") or ()}
    device_paths = {device.get("devicePath") for device in container.get("volumeDevices") or ()}
    seen: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        at, name, path = errors.at(index), mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            at.required("name")
        elif name not in volumes:
            at.not_found(name, "name")
        if not path:
            at.required("mountPath")
        if path in seen:
            at.invalid(path, "must be unique", "mountPath")
        seen.add(path)
        if name in devices:
            at.invalid(name, "must not already exist in volumeDevices", "name")
        if path in device_paths:
            at.invalid(path, "must not already exist as a path in volumeDevices", "mountPath")
        _validate_sub_path(mount, at)
        _validate_propagation(mount, container, at)


def validate_devices(container: Obj, volumes: dict[str, Any], errors: FieldErrors) -> None:
    paths: set[str] = set()
    seen: set[str] = set()
    for index, device in enumerate(container.get("volumeDevices") or ()):
        at, name, path = errors.at(index), device.get("name", ""), device.get("devicePath", "")
        if not name:
            at.required("name")
        elif name in seen:
            at.invalid(name, "must be unique", "name")
        seen.add(name)
        volume = volumes.get(name)
        if volume is None and name:
            at.not_found(name, "name")
        elif volume is not None and not (volume.get("persistentVolumeClaim") or volume.get("ephemeral")):
            at.invalid(
                name,
                "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
                "name",
            )
        if not path:
            at.required("devicePath")
        elif path in paths:
            at.invalid(path, "must be unique", "devicePath")
        elif ".." in path.split("/"):
            at.invalid(path, "can not contain backsteps ('..')", "devicePath")
        paths.add(path)


def _validate_sub_path(mount: Obj, errors: FieldErrors) -> None:
    for field in ("subPath", "subPathExpr"):
        if value := mount.get(field):
            local_descending_path(value, field, errors)
    if mount.get("subPath") and mount.get("subPathExpr"):
        errors.invalid(mount["subPathExpr"], "subPathExpr and subPath are mutually exclusive", "subPathExpr")


def local_descending_path(value: str, field: str, errors: FieldErrors) -> None:
    """A relative path that does not climb."""
    if value.startswith("/"):
        errors.invalid(value, "must be a relative path", field)
    if ".." in value.split("/"):
        errors.invalid(value, "must not contain '..'", field)


def _validate_propagation(mount: Obj, container: Obj, errors: FieldErrors) -> None:
    value = mount.get("mountPropagation")
    if value is not None and value not in PROPAGATION:
        errors.not_supported(value, list(PROPAGATION), "mountPropagation")
    if value == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        errors.forbidden(
            "Bidirectional mount propagation is available only to privileged containers", "mountPropagation"
        )
    read_only = mount.get("recursiveReadOnly")
    if read_only is None:
        return
    if read_only not in ("Disabled", "IfPossible", "Enabled"):
        errors.not_supported(read_only, ["Disabled", "IfPossible", "Enabled"], "recursiveReadOnly")
    elif read_only != "Disabled" and not mount.get("readOnly"):
        errors.forbidden("may only be specified when readOnly is true", "recursiveReadOnly")
