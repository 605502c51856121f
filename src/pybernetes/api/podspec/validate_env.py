"""The rules of environment variables."""

from __future__ import annotations

import re
from typing import Any

from pybernetes.lang import names, quantity

from ..fielderrors import FieldErrors
from ..meta import Obj
from .validate_paths import no_backsteps

ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = (
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
)
RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_NO_SOURCE = (
    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
)
_ONE_ONLY = "may not have more than one field specified at a time"
_SUBSCRIPT = re.compile(r"(metadata\.(?:annotations|labels))\['(.*)'\]", re.DOTALL)
_SIZES = ("1", *(f"1{unit}{binary}" for binary in ("", "i") for unit in ("kMGTPE", "KMGTPE")[bool(binary)]))
_DIVISORS = {
    "cpu": (("1m", "1"), "1m and 1", "cpu"),
    "memory": (_SIZES, ", ".join(_SIZES), "memory"),
    "ephemeral-storage": (_SIZES, ", ".join(_SIZES), "local ephemeral storage"),
    "hugepages-": (_SIZES, ", ".join(_SIZES), "hugepages"),
}


def validate_env(variables: Any, errors: FieldErrors) -> None:
    for index, variable in enumerate(variables):
        at, name = errors.at(index), variable.get("name", "")
        if not name:
            at.required("name")
        for message in names.env_var_name(name) if name else ():
            at.invalid(name, message, "name")
        if variable.get("valueFrom") is not None:
            _validate_value_from(variable, at.at("valueFrom"))


def validate_env_from(sources: Any, errors: FieldErrors) -> None:
    """How many sources there are is told at the list, as upstream has it."""
    for index, source in enumerate(sources):
        at = errors.at(index)
        prefix = source.get("prefix", "")
        for message in names.env_var_name(prefix) if prefix else ():
            at.invalid(prefix, message, "prefix")
        given = [field for field in ("configMapRef", "secretRef") if source.get(field) is not None]
        for field in given:
            _validate_object_name(source[field], at.at(field))
        if not given:
            errors.invalid("", "must specify one of: `configMapRef` or `secretRef`")
        elif len(given) > 1:
            errors.invalid("", _ONE_ONLY)


def _validate_value_from(variable: Obj, errors: FieldErrors) -> None:
    source = variable["valueFrom"]
    given = [field for field in SOURCES if source.get(field) is not None]
    if "fieldRef" in given:
        validate_field_ref(source["fieldRef"], ENV_FIELDS, errors.at("fieldRef"))
    if "resourceFieldRef" in given:
        validate_resource_ref(source["resourceFieldRef"], errors.at("resourceFieldRef"), in_volume=False)
    for field in ("configMapKeyRef", "secretKeyRef"):
        if field in given:
            _validate_key_ref(source[field], errors.at(field))
    if "fileKeyRef" in given:
        _validate_file_key(source["fileKeyRef"], errors.at("fileKeyRef"))
    if not given:
        errors.invalid("", _NO_SOURCE)
    elif variable.get("value"):
        errors.invalid("", "may not be specified when `value` is not empty")
    elif len(given) > 1:
        errors.invalid("", _ONE_ONLY)


def validate_field_ref(reference: Obj, fields: tuple[str, ...], errors: FieldErrors) -> None:
    """A field of the pod, as a variable or as a file in a volume."""
    version, path = reference.get("apiVersion") or "", reference.get("fieldPath") or ""
    if not version or not path:
        errors.required("apiVersion" if not version else "fieldPath")
        return
    if version != "v1":
        errors.invalid(path, f"error converting fieldPath: unsupported pod version: {version}", "fieldPath")
    elif match := _SUBSCRIPT.fullmatch(path):
        key = match[2].lower() if match[1] == "metadata.annotations" else match[2]
        for message in names.qualified_name(key):
            errors.invalid(key, message)
    elif path == "spec.host":  # the old name of spec.nodeName
        if "spec.nodeName" not in fields:
            errors.not_supported("spec.nodeName", sorted(fields), "fieldPath")
    elif path not in {*ENV_FIELDS, *VOLUME_FIELDS}:
        errors.invalid(path, f"error converting fieldPath: field label not supported: {path}", "fieldPath")
    elif path not in fields:
        errors.not_supported(path, sorted(fields), "fieldPath")


def validate_resource_ref(reference: Obj, errors: FieldErrors, *, in_volume: bool) -> None:
    """An amount of a container's resources."""
    resource = reference.get("resource") or ""
    if in_volume and not reference.get("containerName"):
        errors.required("containerName")
    elif not resource:
        errors.required("resource")
    elif resource not in RESOURCES and not resource.startswith(("limits.hugepages-", "requests.hugepages-")):
        errors.not_supported(resource, sorted(RESOURCES), "resource")
    _validate_divisor(resource, reference.get("divisor"), errors)


def _validate_divisor(resource: str, divisor: Any, errors: FieldErrors) -> None:
    side, _, name = resource.partition(".")
    known = _DIVISORS.get("hugepages-" if name.startswith("hugepages-") else name)
    if side not in ("limits", "requests") or known is None or divisor is None:
        return
    good, listed, what = known
    if quantity.parse(divisor).nano and quantity.canonical(str(divisor)) not in good:
        errors.invalid(
            resource, f"only divisor's values {listed} are supported with the {what} resource", "divisor"
        )


def _validate_object_name(reference: Obj, errors: FieldErrors) -> None:
    name = reference.get("name", "")
    if not name:
        errors.required("name")
    for message in names.dns1123_subdomain(name) if name else ():
        errors.invalid(name, message, "name")


def _validate_key_ref(reference: Obj, errors: FieldErrors) -> None:
    name, key = reference.get("name") or "", reference.get("key") or ""
    for message in names.dns1123_subdomain(name):
        errors.invalid(name, message, "name")
    if not key:
        errors.required("key")
    for message in names.config_map_key(key) if key else ():
        errors.invalid(key, message, "key")


def _validate_file_key(reference: Obj, errors: FieldErrors) -> None:
    """A variable in a file of a volume."""
    for field, rule in (("key", names.env_var_name), ("volumeName", names.dns1123_label)):
        value = reference.get(field) or ""
        if not value:
            errors.required(field)
        for message in rule(value) if value else ():
            errors.invalid(value, message, field)
    path = reference.get("path") or ""
    if not path:
        errors.required("path")
    else:
        no_backsteps(path, "path", errors)
