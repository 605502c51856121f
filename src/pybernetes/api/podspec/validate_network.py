"""The rules of a pod's names and addresses: host ports, DNS settings, host aliases, its host name."""

from __future__ import annotations

import re
from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj
from ..validation.addresses import legacy_address

MAX_NAMESERVERS, MAX_SEARCHES, MAX_SEARCH_CHARS = 3, 32, 2048
LONGEST_HOSTNAME = 64
_UNDERSCORED_PATTERN = r"[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?(\.[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?)*"
_UNDERSCORED = re.compile(_UNDERSCORED_PATTERN)
_UNDERSCORED_ERROR = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character or an underscore (e.g. 'example.com', regex used for validation is "
    f"'{_UNDERSCORED_PATTERN}')"
)


def validate_host_network(spec: Obj, errors: FieldErrors, *, of_pod: bool) -> None:
    """In the host's network a container's port is the host's; a template may leave that to the pod."""
    if not spec.get("hostNetwork"):
        return
    for index, container in enumerate(spec.get("containers") or ()):
        for number, port in enumerate(container.get("ports") or ()):
            host = port.get("hostPort", 0)
            if (of_pod or host) and host != port.get("containerPort", 0):
                why = "must match `containerPort` when `hostNetwork` is true"
                errors.at("containers", index).at("ports", number).invalid(host, why, "hostPort")


def validate_dns(spec: Obj, errors: FieldErrors) -> None:
    config, at = spec.get("dnsConfig"), errors.at("dnsConfig")
    if spec.get("dnsPolicy") == "None":
        if config is None:
            at.required(detail="must provide `dnsConfig` when `dnsPolicy` is None")
            return
        if not config.get("nameservers"):
            why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            at.required("nameservers", why)
            return
    if config is None:
        return
    nameservers, searches = config.get("nameservers") or [], config.get("searches") or []
    if len(nameservers) > MAX_NAMESERVERS:
        at.invalid(nameservers, f"must not have more than {MAX_NAMESERVERS} nameservers", "nameservers")
    for index, address in enumerate(nameservers):
        legacy_address(address, at.at("nameservers", index))
    if len(searches) > MAX_SEARCHES:
        at.invalid(searches, f"must not have more than {MAX_SEARCHES} search paths", "searches")
    if len(" ".join(searches)) > MAX_SEARCH_CHARS:
        at.invalid(
            searches,
            f"must not have more than {MAX_SEARCH_CHARS} characters (including spaces) in the search list",
            "searches",
        )
    for index, search in enumerate(searches):
        if search != ".":
            _validate_search(search.removesuffix("."), at.at("searches", index))
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            at.at("options", index).required(detail="must not be empty")


def _validate_search(domain: str, at: FieldErrors) -> None:
    if len(domain.encode()) > 253:
        at.invalid(domain, "must be no more than 253 bytes")
    if not _UNDERSCORED.fullmatch(domain):
        at.invalid(domain, _UNDERSCORED_ERROR)


def validate_host_aliases(aliases: Any, errors: FieldErrors) -> None:
    for index, alias in enumerate(aliases):
        at = errors.at(index)
        legacy_address(alias.get("ip", ""), at.at("ip"))
        for number, name in enumerate(alias.get("hostnames") or ()):
            for message in names.dns1123_subdomain(name):
                at.at("hostnames", number).invalid(name, message)


def validate_hostname_override(spec: Obj, errors: FieldErrors) -> None:
    name = spec.get("hostnameOverride")
    if name is None:
        return
    if spec.get("setHostnameAsFQDN"):
        errors.forbidden("may not be specified when setHostnameAsFQDN is true", "hostnameOverride")
    if spec.get("hostNetwork"):
        errors.forbidden("may not be specified when hostNetwork is true", "hostnameOverride")
    if len(name) > LONGEST_HOSTNAME:
        errors.too_long(LONGEST_HOSTNAME, "hostnameOverride")
    for message in names.dns1123_subdomain(name):
        errors.invalid(name, message, "hostnameOverride")
