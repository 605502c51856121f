"""The rules of environment variables."""

from __future__ import annotations

import re
from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj

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
_SUBSCRIPT = re.compile(r"(metadata\.(?:annotations|labels))\['(.*)'\]")


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
    for index, source in enumerate(sources):
        at = errors.at(index)
        prefix = source.get("prefix", "")
        for message in names.env_var_name(prefix) if prefix else ():
            at.invalid(prefix, message, "prefix")
        given = [field for field in ("configMapRef", "secretRef") if source.get(field) is not None]
        for field in given:
            _validate_object_name(source[field], at.at(field))
        if not given:
            at.invalid("", "must specify one of: `configMapRef` or `secretRef`")
        elif len(given) > 1:
            at.invalid("", "may not have more than one field specified at a time")


def _validate_value_from(variable: Obj, errors: FieldErrors) -> None:
    source = variable["valueFrom"]
    given = [field for field in SOURCES if source.get(field) is not None]
    if "fieldRef" in given:
        validate_field_ref(source["fieldRef"], ENV_FIELDS, errors.at("fieldRef"))
    if "resourceFieldRef" in given:
        validate_resource_ref(source["resourceFieldRef"], errors.at("resourceFieldRef"), in_volume=False)
    for field in ("configMapKeyRef", "secretKeyRef"):
        if field in given:
            _validate_object_name(source[field], errors.at(field))
            _validate_key(source[field], errors.at(field))
    if not given:
        choices = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        errors.invalid("", f"must specify one of: {choices}")
    elif variable.get("value"):
        errors.invalid("", "may not be specified when `value` is not empty")
    elif len(given) > 1:
        errors.invalid("", "may not have more than one field specified at a time")


def validate_field_ref(reference: Obj, fields: tuple[str, ...], errors: FieldErrors) -> None:
    """A field of the pod, as a variable or as a file in a volume."""
    if not reference.get("apiVersion"):
        errors.required("apiVersion")
    path = reference.get("fieldPath", "")
    if not path:
        errors.required("fieldPath")
        return
    if match := _SUBSCRIPT.fullmatch(path):
        key = match[2].lower() if match[1] == "metadata.annotations" else match[2]
        for message in names.qualified_name(key):
            errors.invalid(match[2], message)
    elif path not in {*ENV_FIELDS, *VOLUME_FIELDS}:
        errors.invalid(path, f"error converting fieldPath: field label not supported: {path}", "fieldPath")
    elif path not in fields:
        errors.not_supported(path, sorted(fields), "fieldPath")


def validate_resource_ref(reference: Obj, errors: FieldErrors, *, in_volume: bool) -> None:
    """An amount of a container's resources."""
    if in_volume and not reference.get("containerName"):
        errors.required("containerName")
    resource = reference.get("resource", "")
    if not resource:
        errors.required("resource")
    elif resource not in RESOURCES and not resource.startswith(("limits.hugepages-", "requests.hugepages-")):
        errors.not_supported(resource, sorted(RESOURCES), "resource")


def _validate_object_name(reference: Obj, errors: FieldErrors) -> None:
    name = reference.get("name", "")
    if not name:
        errors.required("name")
    for message in names.dns1123_subdomain(name) if name else ():
        errors.invalid(name, message, "name")


def _validate_key(reference: Obj, errors: FieldErrors) -> None:
    key = reference.get("key", "")
    if not key:
        errors.required("key")
    for message in names.config_map_key(key) if key else ():
        errors.invalid(key, message, "key")
