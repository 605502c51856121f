"""What an Ingress may say: hosts, paths and where they lead."""

from __future__ import annotations

import re
from typing import Any

from pybernetes.lang import names

from ..cells import dig
from ..fielderrors import NO_ITEMS, FieldErrors
from ..meta import Obj, annotations_of
from ..validation.addresses import is_address, legacy_address
from ..validation.values import named
from .references import validate_reference

CLASS_ANNOTATION = "kubernetes.io/ingress.class"
PATH_TYPES = ["Exact", "ImplementationSpecific", "Prefix"]
_NOT_INSIDE = ("//", "/./", "/../", "%2f", "%2F")
_NOT_LAST = ("/..", "/.")
_NO_ADDRESS = "must be a DNS name, not an IP address"
_WILDCARD_PATTERN = r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_WILDCARD = re.compile(_WILDCARD_PATTERN)
_WILDCARD_ERROR = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower "
    "case alphanumeric characters, '-' or '.' and end with an alphanumeric character "
    f"(e.g. '*.example.com', regex used for validation is '{_WILDCARD_PATTERN}')"
)


def validate_create(ingress: Obj, errors: FieldErrors) -> None:
    spec = ingress.get("spec") or {}
    _validate(spec, errors.at("spec"), wildcards=True, secrets=True)
    annotation, wanted = annotations_of(ingress).get(CLASS_ANNOTATION), spec.get("ingressClassName")
    if annotation is not None and wanted is not None and annotation != wanted:
        errors.at("annotations").invalid(
            annotation, "must match `ingressClassName` when both are specified", CLASS_ANNOTATION
        )


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """What is wrong with the old object for long may stay wrong."""
    before = old.get("spec") or {}
    hosts, names_of_secrets = FieldErrors(), FieldErrors()
    _validate_wildcards(before, hosts)
    _validate_secrets(before, names_of_secrets)
    _validate(new.get("spec") or {}, errors.at("spec"), wildcards=not hosts, secrets=not names_of_secrets)


def _validate(spec: Obj, at: FieldErrors, *, wildcards: bool, secrets: bool) -> None:
    """`wildcards` and `secrets` say whether rules are judged that older objects may break."""
    rules, backend = spec.get("rules") or [], spec.get("defaultBackend")
    if not rules and backend is None:
        at.invalid(NO_ITEMS, "either `defaultBackend` or `rules` must be specified")
    if backend is not None:
        _validate_backend(backend, at.at("defaultBackend"))
    for index, rule in enumerate(rules):
        here, host = at.at("rules", index), rule.get("host") or ""
        if host:
            _validate_rule_host(host, here)
        if wildcards or "*" not in host:
            _validate_http(rule.get("http"), here.at("http"))
    for index, entry in enumerate(spec.get("tls") or ()):
        here = at.at("tls", index)
        for position, host in enumerate(entry.get("hosts") or ()):
            _validate_host(host, here.at("hosts", position))
        if secrets:
            named(entry, "secretName", names.dns1123_subdomain, here)
    if (name := spec.get("ingressClassName")) is not None:
        for message in names.dns1123_subdomain(name):
            at.invalid(name, message, "ingressClassName")


def validate_status(new: Obj, old: Obj, errors: FieldErrors) -> None:
    before = dig(old, "status", "loadBalancer", "ingress") or ()
    known = [each["ip"] for each in before if each.get("ip")]
    for index, entry in enumerate(dig(new, "status", "loadBalancer", "ingress") or ()):
        at = errors.at("status", "loadBalancer", "ingress", index)
        if entry.get("ip"):
            legacy_address(entry["ip"], at.at("ip"), known)
        hostname = entry.get("hostname")
        if hostname:
            for message in names.dns1123_subdomain(hostname):
                at.invalid(hostname, message, "hostname")
            if is_address(hostname):
                at.invalid(hostname, _NO_ADDRESS, "hostname")


def _validate_wildcards(spec: Obj, at: FieldErrors) -> None:
    for index, rule in enumerate(spec.get("rules") or ()):
        if "*" in (rule.get("host") or ""):
            _validate_http(rule.get("http"), at.at("rules", index, "http"))


def _validate_secrets(spec: Obj, at: FieldErrors) -> None:
    for index, entry in enumerate(spec.get("tls") or ()):
        named(entry, "secretName", names.dns1123_subdomain, at.at("tls", index))


def _validate_rule_host(host: str, at: FieldErrors) -> None:
    if is_address(host):
        at.invalid(host, _NO_ADDRESS, "host")
    _validate_host(host, at.at("host"))


def _validate_host(host: str, at: FieldErrors) -> None:
    if "*" in host:
        if len(host) > 253:
            at.invalid(host, "must be no more than 253 bytes")
        if not _WILDCARD.fullmatch(host):
            at.invalid(host, _WILDCARD_ERROR)
        return
    for message in names.dns1123_subdomain(host):
        at.invalid(host, message)


def _validate_http(http: Any, at: FieldErrors) -> None:
    if http is None:
        return
    paths = http.get("paths") or ()
    if not paths:
        at.required("paths")
    for index, path in enumerate(paths):
        _validate_path(path, at.at("paths", index))


def _validate_path(entry: Obj, at: FieldErrors) -> None:
    kind, path = entry.get("pathType"), entry.get("path") or ""
    if kind is None:
        at.required("pathType", "pathType must be specified")
        return
    if kind not in PATH_TYPES:
        at.not_supported(kind, PATH_TYPES, "pathType")
    elif not path.startswith("/") and (path or kind != "ImplementationSpecific"):
        at.invalid(path, "must be an absolute path", "path")
    if kind in ("Exact", "Prefix"):
        for part in _NOT_INSIDE:
            if part in path:
                at.invalid(path, f"must not contain '{part}'", "path")
        for end in _NOT_LAST:
            if path.endswith(end):
                at.invalid(path, f"cannot end with '{end}'", "path")
    _validate_backend(entry.get("backend") or {}, at.at("backend"))


def _validate_backend(backend: Obj, at: FieldErrors) -> None:
    resource, service = backend.get("resource"), backend.get("service")
    if resource is not None and service is not None:
        at.invalid("", "cannot set both resource and service backends")
    elif resource is not None:
        validate_reference(resource, at.at("resource"))
    elif service is not None:
        named(service, "name", names.dns1123_label, at.at("service"), required=True)
        _validate_port(service.get("port") or {}, at)
    else:
        at.invalid("", "resource or service backend is required")


def _validate_port(port: Obj, at: FieldErrors) -> None:
    """`at` stands at the backend."""
    name, number = port.get("name"), port.get("number")
    if name and number:
        at.invalid("", "cannot set both port name & port number")
    elif name:
        for message in names.port_name(name):
            at.at("service", "port").invalid(name, message, "name")
    elif number:
        for message in names.port_number(number):
            at.at("service", "port").invalid(number, message, "number")
    else:
        at.required(detail="port name or number is required")
