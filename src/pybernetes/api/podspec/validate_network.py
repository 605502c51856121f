"""The rules of a pod's host ports, DNS settings and host aliases."""

from __future__ import annotations

from typing import Any

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj

MAX_NAMESERVERS, MAX_SEARCHES, MAX_SEARCH_CHARS = 3, 32, 2048


def validate_host_ports(spec: Obj, errors: FieldErrors) -> None:
    """Host ports equal container ports in the host's network, and no two containers want the same one."""
    seen: set[str] = set()
    for field in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            for number, port in enumerate(container.get("ports") or ()):
                at = errors.at(field, index).at("ports", number)
                host = port.get("hostPort", 0)
                if spec.get("hostNetwork") and host != port.get("containerPort", 0):
                    at.invalid(
                        port.get("containerPort", 0),
                        "must match `hostPort` when `hostNetwork` is true",
                        "containerPort",
                    )
                if not host or (field == "initContainers" and container.get("restartPolicy") != "Always"):
                    continue
                key = f"{port.get('protocol', 'TCP')}/{port.get('hostIP', '')}/{host}"
                if key in seen:
                    at.duplicate(key, "hostPort")
                seen.add(key)


def validate_dns(spec: Obj, errors: FieldErrors) -> None:
    config, policy = spec.get("dnsConfig"), spec.get("dnsPolicy")
    at = errors.at("dnsConfig")
    if policy == "None" and not (config or {}).get("nameservers"):
        if config is None:
            errors.required("dnsConfig", 'must provide `dnsConfig` when `dnsPolicy` is "None"')
        else:
            at.required("nameservers", 'must provide at least one DNS nameserver when `dnsPolicy` is "None"')
    if not config:
        return
    nameservers, searches = config.get("nameservers") or (), config.get("searches") or ()
    if len(nameservers) > MAX_NAMESERVERS:
        at.invalid(list(nameservers), f"must not have more than {MAX_NAMESERVERS} nameservers", "nameservers")
    for index, address in enumerate(nameservers):
        for message in names.ip_address(address):
            at.at("nameservers", index).invalid(address, message)
    if len(searches) > MAX_SEARCHES:
        at.invalid(list(searches), f"must not have more than {MAX_SEARCHES} search paths", "searches")
    if len(" ".join(searches)) > MAX_SEARCH_CHARS:
        at.invalid(
            list(searches),
            f"must not have more than {MAX_SEARCH_CHARS} characters (including spaces) in the search list",
            "searches",
        )
    for index, search in enumerate(searches):
        plain = search.removesuffix(".").replace("_", "-")
        for message in names.dns1123_subdomain(plain) if plain else ():
            at.at("searches", index).invalid(search, message)
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            at.at("options", index).required(detail="must not be empty")


def validate_host_aliases(aliases: Any, errors: FieldErrors) -> None:
    for index, alias in enumerate(aliases):
        at, address = errors.at(index), alias.get("ip", "")
        for message in names.ip_address(address):
            at.invalid(address, message, "ip")
        for number, name in enumerate(alias.get("hostnames") or ()):
            for message in names.dns1123_subdomain(name):
                at.at("hostnames", number).invalid(name, message)
