"""APIServices: who serves a version of an API group: this server itself ("Local"), or a Service that it asks."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from pybernetes.lang import names

from ..cells import AGE, NAME, dig
from ..fielderrors import FieldErrors, show
from ..kind import Cell, Column, Kind
from ..meta import MutableObj, Obj

HTTPS_PORT = 443
HIGHEST_GROUP_PRIORITY, HIGHEST_VERSION_PRIORITY = 20000, 1000
STATUSES = ["True", "False", "Unknown"]


def default(service: MutableObj) -> None:
    reference = service.setdefault("spec", {}).get("service")
    if reference is not None and not reference.get("port"):
        reference["port"] = HTTPS_PORT


def prepare_create(service: MutableObj) -> None:
    """What this server serves itself is available at once."""
    service["status"] = {}
    if dig(service, "spec", "service") is None:
        service["status"] = {
            "conditions": [
                {
                    "type": "Available",
                    "status": "True",
                    "lastTransitionTime": service["metadata"].get("creationTimestamp"),
                    "reason": "Local",
                    "message": "Local APIServices are always available",
                }
            ]
        }


def validate(service: Obj, errors: FieldErrors) -> None:
    spec, at = service.get("spec") or {}, errors.at("spec")
    group, version = spec.get("group") or "", spec.get("version") or ""
    name, required = service["metadata"].get("name", ""), f"{version}.{group}"
    if name and name != required:
        errors.at("metadata").invalid(
            name, f'must be `spec.version+"."+spec.group`: {show(required)}', "name"
        )
    if not group and version != "v1":
        at.required("group", "only v1 may have an empty group and it better be legacy kube")
    for message in names.dns1123_subdomain(group) if group else ():
        at.invalid(group, message, "group")
    for message in names.dns1035_label(version):
        at.invalid(version, message, "version")
    _validate_priority(spec, "groupPriorityMinimum", HIGHEST_GROUP_PRIORITY, at)
    _validate_priority(spec, "versionPriority", HIGHEST_VERSION_PRIORITY, at)
    if spec.get("service") is None:
        _validate_local(spec, at)
    else:
        _validate_remote(spec, spec["service"], at)


def _validate_priority(spec: Obj, field: str, most: int, errors: FieldErrors) -> None:
    priority = spec.get(field) or 0
    if not 0 < priority <= most:
        errors.invalid(priority, f"must be positive and less than {most}", field)


def _validate_local(spec: Obj, errors: FieldErrors) -> None:
    if spec.get("caBundle"):
        errors.invalid(
            f"{_size(spec['caBundle'])} bytes", "local APIServices may not have a caBundle", "caBundle"
        )
    if spec.get("insecureSkipTLSVerify"):
        errors.invalid(True, "local APIServices may not have insecureSkipTLSVerify", "insecureSkipTLSVerify")


def _validate_remote(spec: Obj, reference: Any, errors: FieldErrors) -> None:
    at = errors.at("service")
    for field in ("namespace", "name"):
        if not reference.get(field):
            at.required(field)
    port = reference.get("port") or 0
    if problems := names.port_number(port):
        at.invalid(port, f"port is not valid: {', '.join(problems)}", "port")
    if spec.get("insecureSkipTLSVerify") and spec.get("caBundle"):
        errors.invalid(True, "may not be true if caBundle is present", "insecureSkipTLSVerify")


def _size(bundle: str) -> int:
    try:
        return len(base64.b64decode(bundle))
    except binascii.Error:
        return len(bundle)


def validate_status(new: Obj, _old: Obj, errors: FieldErrors) -> None:
    for index, condition in enumerate(dig(new, "status", "conditions") or ()):
        status = condition.get("status", "")
        if status not in STATUSES:
            errors.at("status", "conditions", index).not_supported(status, STATUSES, "status")


def _service(service: Obj, _now: float) -> Cell:
    reference = dig(service, "spec", "service")
    if reference is None:
        return "Local"
    return f"{reference.get('namespace', '')}/{reference.get('name', '')}"


def _available(service: Obj, _now: float) -> Cell:
    for condition in dig(service, "status", "conditions") or ():
        if condition.get("type") == "Available":
            status, reason = condition.get("status", ""), condition.get("reason")
            return f"{status} ({reason})" if status != "True" and reason else str(status)
    return "Unknown"


APISERVICE = Kind(
    group="apiregistration.k8s.io",
    version="v1",
    kind="APIService",
    plural="apiservices",
    namespaced=False,
    status_metadata=(),
    unconditional_update=False,
    singular="apiservice",
    categories=("api-extensions",),
    subresources=("status",),
    schema="io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService",
    storage_prefix="apiregistration.k8s.io/apiservices",
    name_rule="path",
    default=default,
    prepare_create=prepare_create,
    validate=validate,
    validate_status=validate_status,
    columns=(
        NAME,
        Column(
            "Service",
            _service,
            description="The reference to the service that hosts this API endpoint.",
        ),
        Column("Available", _available, description="Whether this service is available."),
        AGE,
    ),
)
