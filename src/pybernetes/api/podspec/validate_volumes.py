"""The rules of a pod's volumes."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names, quantity

from ..fielderrors import FieldErrors
from ..meta import Obj
from .validate_claim import validate_claim_template
from .validate_env import VOLUME_FIELDS, validate_field_ref, validate_resource_ref
from .validate_mounts import local_descending_path

HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_MODE = "must be a number between 0 and 0777 (octal), both inclusive"
_MIN_TOKEN_SECONDS, _MAX_TOKEN_SECONDS = 600, 2**32


def validate_volumes(volumes: Any, errors: FieldErrors) -> None:
    seen: set[str] = set()
    for index, volume in enumerate(volumes):
        at, name = errors.at(index), volume.get("name", "")
        _validate_source(volume, at)
        if not name:
            at.required("name")
        for message in names.dns1123_label(name) if name else ():
            at.invalid(name, message, "name")
        if name and name in seen:
            at.duplicate(name, "name")
        seen.add(name)


def _validate_source(volume: Obj, errors: FieldErrors) -> None:
    sources = [field for field in volume if field != "name" and volume[field] is not None]
    for field in sources[1:]:
        errors.forbidden("may not specify more than 1 volume type", field)
    if not sources:
        errors.required(detail="must specify a volume type")
        return
    field = sources[0]
    rule = _RULES.get(field)
    if rule is not None:
        rule(volume[field], errors.at(field))


def _empty_dir(source: Obj, errors: FieldErrors) -> None:
    limit = source.get("sizeLimit")
    if limit is not None and quantity.parse(limit).nano < 0:
        errors.forbidden("SizeLimit field must be a valid resource quantity", "sizeLimit")


def validate_host_path(source: Obj, errors: FieldErrors) -> None:
    path = source.get("path", "")
    if not path:
        errors.required("path")
    elif ".." in path.split("/"):
        errors.invalid(path, "must not contain '..'", "path")
    if source.get("type") not in (*HOST_PATH_TYPES, None):
        errors.not_supported(source["type"], list(HOST_PATH_TYPES), "type")


def _secret(source: Obj, errors: FieldErrors) -> None:
    if not source.get("secretName"):
        errors.required("secretName")
    _validate_files(source, errors)


def _config_map(source: Obj, errors: FieldErrors) -> None:
    if not source.get("name"):
        errors.required("name")
    _validate_files(source, errors)


def _validate_files(source: Obj, errors: FieldErrors) -> None:
    validate_mode(source, "defaultMode", errors)
    for index, item in enumerate(source.get("items") or ()):
        at = errors.at("items", index)
        if not item.get("key"):
            at.required("key")
        _validate_file_path(item, at)
        validate_mode(item, "mode", at)


def _downward(source: Obj, errors: FieldErrors) -> None:
    validate_mode(source, "defaultMode", errors)
    for index, item in enumerate(source.get("items") or ()):
        at = errors.at("items", index)
        _validate_file_path(item, at)
        field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
        if field is not None:
            validate_field_ref(field, VOLUME_FIELDS, at.at("fieldRef"))
            if resource is not None:
                at.invalid("resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
        elif resource is not None:
            validate_resource_ref(resource, at.at("resourceFieldRef"), in_volume=True)
        else:
            at.required("fieldRef", "one of fieldRef and resourceFieldRef is required")
        validate_mode(item, "mode", at)


_PROJECTIONS = (
    "secret",
    "downwardAPI",
    "configMap",
    "serviceAccountToken",
    "clusterTrustBundle",
    "podCertificate",
)


def _projected(source: Obj, errors: FieldErrors) -> None:
    validate_mode(source, "defaultMode", errors)
    for index, projection in enumerate(source.get("sources") or ()):
        at = errors.at("sources", index)
        given = [field for field in _PROJECTIONS if projection.get(field) is not None]
        for field in given[1:]:
            at.forbidden("may not specify more than 1 volume type", field)
        for field in given:
            part, below = projection[field], at.at(field)
            if field in ("secret", "configMap"):
                if not part.get("name"):
                    below.required("name")
                _validate_files(part, below)
            elif field == "downwardAPI":
                _downward(part, below)
            elif field == "serviceAccountToken":
                _token(part, below)
        if not given:
            at.required(detail="must specify a volume type")


def _token(source: Obj, errors: FieldErrors) -> None:
    seconds = source.get("expirationSeconds", 3600)
    if seconds < _MIN_TOKEN_SECONDS:
        errors.invalid(seconds, "may not specify a duration less than 10 minutes", "expirationSeconds")
    elif seconds > _MAX_TOKEN_SECONDS:
        errors.invalid(seconds, "may not specify a duration larger than 2^32 seconds", "expirationSeconds")
    _validate_file_path(source, errors)


def _claim(source: Obj, errors: FieldErrors) -> None:
    if not source.get("claimName"):
        errors.required("claimName")


def validate_nfs(source: Obj, errors: FieldErrors) -> None:
    for field in ("server", "path"):
        if not source.get(field):
            errors.required(field)
    if source.get("path") and not source["path"].startswith("/"):
        errors.invalid(source["path"], "must be an absolute path", "path")


def _csi(source: Obj, errors: FieldErrors) -> None:
    driver = source.get("driver", "")
    if not driver:
        errors.required("driver")
    for message in names.dns1123_subdomain(driver.lower()) if driver else ():
        errors.invalid(driver, message, "driver")


def _image(source: Obj, errors: FieldErrors) -> None:
    if not source.get("reference"):
        errors.required("reference")
    policy = source.get("pullPolicy")
    if policy and policy not in ("Always", "IfNotPresent", "Never"):
        errors.not_supported(policy, ["Always", "IfNotPresent", "Never"], "pullPolicy")


def _ephemeral(source: Obj, errors: FieldErrors) -> None:
    template = source.get("volumeClaimTemplate")
    if template is None:
        errors.required("volumeClaimTemplate")
    else:
        validate_claim_template(template, errors.at("volumeClaimTemplate"))


def _validate_file_path(item: Obj, errors: FieldErrors) -> None:
    path = item.get("path", "")
    if not path:
        errors.required("path")
        return
    local_descending_path(path, "path", errors)
    if path.startswith("..") and not path.startswith("../") and path != "..":
        errors.invalid(path, "must not start with '..'", "path")


def validate_mode(tree: Obj, field: str, errors: FieldErrors) -> None:
    """The permission bits of a file."""
    mode = tree.get(field)
    if mode is not None and not 0 <= mode <= 0o777:
        errors.invalid(mode, _MODE, field)


_RULES = {
    "emptyDir": _empty_dir,
    "hostPath": validate_host_path,
    "secret": _secret,
    "configMap": _config_map,
    "downwardAPI": _downward,
    "projected": _projected,
    "persistentVolumeClaim": _claim,
    "nfs": validate_nfs,
    "csi": _csi,
    "image": _image,
    "ephemeral": _ephemeral,
}
