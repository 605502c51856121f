"""The rules of a container's mounts and block devices."""

from __future__ import annotations

from typing import Any

from ..fielderrors import FieldErrors
from ..meta import Obj
from .validate_paths import local_descending_path

PROPAGATION = ["Bidirectional", "HostToContainer", "None"]
READ_ONLY = ["Disabled", "Enabled", "IfPossible"]
BIND_OPTIONS = ["nodev", "noexec", "nosuid"]


def validate_mounts(container: Obj, volumes: dict[str, Obj], errors: FieldErrors) -> None:
    """`volumes` are the pod's good ones, by name. Upstream leaves the index out of some of these paths."""
    given = container.get("volumeDevices") or ()
    devices = {device.get("name"): device.get("devicePath") for device in given}
    paths = set(devices.values())
    seen: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        at, name, path = errors.at(index), mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            at.required("name")
        if name not in volumes:
            at.not_found(name, "name")
        if not path:
            at.required("mountPath")
        if path in seen:
            at.invalid(path, "must be unique", "mountPath")
        seen.add(path)
        if name in devices:
            at.invalid(name, "must not already exist in volumeDevices", "name")
        if path in paths:
            at.invalid(path, "must not already exist as a path in volumeDevices", "mountPath")
        _validate_sub_path(mount, errors, at)
        _validate_propagation(mount, container, errors)
        _validate_read_only(mount, errors)
        if mount.get("bindMountOptions"):
            _validate_bind(mount["bindMountOptions"], volumes.get(name), at.at("bindMountOptions"))


def validate_devices(container: Obj, volumes: dict[str, Obj], errors: FieldErrors) -> None:
    given = container.get("volumeMounts") or ()
    mounts = {mount.get("name"): mount.get("mountPath") for mount in given}
    mounted = set(mounts.values())
    paths: set[str] = set()
    seen: set[str] = set()
    for index, device in enumerate(container.get("volumeDevices") or ()):
        at, name, path = errors.at(index), device.get("name", ""), device.get("devicePath", "")
        if not name:
            at.required("name")
        if name in seen:
            at.invalid(name, "must be unique", "name")
        _validate_block(name, volumes.get(name), at)
        if not path:
            at.required("devicePath")
        if path in paths:
            at.invalid(path, "must be unique", "devicePath")
        if ".." in path.split("/"):
            at.invalid(path, "can not contain backsteps ('..')", "devicePath")
        else:
            paths.add(path)
        if name in mounts:
            at.invalid(name, "must not already exist in volumeMounts", "name")
        if path in mounted:
            at.invalid(path, "must not already exist as a path in volumeMounts", "devicePath")
        if name:
            seen.add(name)


def _validate_block(name: str, volume: Obj | None, at: FieldErrors) -> None:
    if volume is None:
        at.not_found(name, "name")
    elif volume.get("persistentVolumeClaim") is None and volume.get("ephemeral") is None:
        why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        at.invalid(name, why, "name")


def _validate_sub_path(mount: Obj, errors: FieldErrors, at: FieldErrors) -> None:
    if value := mount.get("subPath"):
        local_descending_path(value, "subPath", errors)
    if value := mount.get("subPathExpr"):
        if mount.get("subPath"):
            at.invalid(value, "subPathExpr and subPath are mutually exclusive", "subPathExpr")
        local_descending_path(value, "subPathExpr", errors)


def _validate_propagation(mount: Obj, container: Obj, errors: FieldErrors) -> None:
    value = mount.get("mountPropagation")
    if value is not None and value not in PROPAGATION:
        errors.not_supported(value, PROPAGATION, "mountPropagation")
    if value == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        why = "Bidirectional mount propagation is available only to privileged containers"
        errors.forbidden(why, "mountPropagation")


def _validate_read_only(mount: Obj, errors: FieldErrors) -> None:
    wish = mount.get("recursiveReadOnly")
    if wish is None or wish == "Disabled":
        return
    if wish not in READ_ONLY:
        errors.not_supported(wish, READ_ONLY, "recursiveReadOnly")
        return
    if not mount.get("readOnly"):
        errors.forbidden("may only be specified when readOnly is true", "recursiveReadOnly")
    if mount.get("mountPropagation") not in (None, "None"):
        why = "may only be specified when mountPropagation is None or not specified"
        errors.forbidden(why, "recursiveReadOnly")


def _validate_bind(options: Any, volume: Obj | None, at: FieldErrors) -> None:
    seen: set[str] = set()
    for index, option in enumerate(options):
        if option not in BIND_OPTIONS:
            at.at(index).not_supported(option, BIND_OPTIONS)
        if option in seen:
            at.at(index).duplicate(option)
        seen.add(option)
    if volume is not None and volume.get("image") is not None:
        at.invalid(options, "bindMountOptions may not be used with image volumes")
