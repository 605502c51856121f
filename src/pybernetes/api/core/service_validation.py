"""What a Service may be: upstream's `ValidateService`, by field."""

from __future__ import annotations

import ipaddress

from pybernetes.lang import names

from ..fielderrors import FieldErrors
from ..meta import Obj

TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
PROTOCOLS = ["SCTP", "TCP", "UDP"]
DISTRIBUTIONS = ("PreferClose", "PreferSameNode", "PreferSameZone")
POLICIES = ["Cluster", "Local"]


def validate(service: Obj, errors: FieldErrors) -> None:
    spec, at = service.get("spec") or {}, errors.at("spec")
    kind = spec.get("type")
    if kind not in TYPES:
        at.not_supported(kind or "", TYPES, "type")
    headless = spec.get("clusterIP") == "None"
    if kind == "ExternalName":
        _external_name(spec, at)
    elif not spec.get("ports") and not headless:
        at.required("ports")
    if headless and kind in ("NodePort", "LoadBalancer"):
        at.at("clusterIPs", 0).invalid("None", f"may not be set to 'None' for {kind} services")
    if spec.get("sessionAffinity") not in ("ClientIP", "None"):
        at.not_supported(spec.get("sessionAffinity") or "", ["ClientIP", "None"], "sessionAffinity")
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in DISTRIBUTIONS:
        at.not_supported(distribution, DISTRIBUTIONS, "trafficDistribution")
    for policy in ("internalTrafficPolicy", "externalTrafficPolicy"):
        if spec.get(policy) and spec[policy] not in POLICIES:
            at.not_supported(spec[policy], POLICIES, policy)
    if spec.get("externalTrafficPolicy") and kind == "ClusterIP" and not spec.get("externalIPs"):
        at.invalid(
            spec["externalTrafficPolicy"],
            "may only be set for externally-accessible services",
            "externalTrafficPolicy",
        )
    for index, ip in enumerate(spec.get("externalIPs") or ()):
        _ip(ip, at.at("externalIPs", index))
    _ports(spec, at)


def validate_update(new: Obj, old: Obj, errors: FieldErrors) -> None:
    """A Service keeps its address as long as it has one."""
    at = errors.at("spec")
    before, after = old.get("spec") or {}, new.get("spec") or {}
    if "ExternalName" in (before.get("type"), after.get("type")):
        return
    first = (before.get("clusterIPs") or [before.get("clusterIP")])[0]
    if first and (after.get("clusterIPs") or [after.get("clusterIP")])[0] != first:
        at.at("clusterIPs", 0).invalid(
            after.get("clusterIPs") or [after.get("clusterIP")],
            "primary clusterIP can not be unset" if not after.get("clusterIP") else "may not change once set",
        )


def _external_name(spec: Obj, at: FieldErrors) -> None:
    name = str(spec.get("externalName") or "").rstrip(".")
    if not name:
        at.required("externalName")
    else:
        for message in names.dns1123_subdomain(name):
            at.invalid(spec["externalName"], message, "externalName")
    if spec.get("clusterIP") == "None":
        at.invalid("None", "may not be set to 'None' for ExternalName services", "clusterIP")


def _ports(spec: Obj, at: FieldErrors) -> None:
    ports = spec.get("ports") or ()
    seen_names: set[str] = set()
    seen_ports: set[tuple[object, object]] = set()
    seen_node_ports: set[tuple[object, object]] = set()
    for index, port in enumerate(ports):
        here = at.at("ports", index)
        _port_name(port, len(ports) > 1, seen_names, here)
        if not _in_range(port.get("port")):
            here.invalid(port.get("port", 0), "must be between 1 and 65535, inclusive", "port")
        if port.get("protocol") not in PROTOCOLS:
            here.not_supported(port.get("protocol", ""), PROTOCOLS, "protocol")
        target = port.get("targetPort")
        if isinstance(target, int) and not _in_range(target):
            here.invalid(target, "must be between 1 and 65535, inclusive", "targetPort")
        if isinstance(target, str):
            for message in names.port_name(target):
                here.invalid(target, message, "targetPort")
        identity = (port.get("protocol"), port.get("port"))
        if identity in seen_ports:
            here.duplicate({"protocol": identity[0], "port": identity[1]})
        seen_ports.add(identity)
        if port.get("nodePort"):
            if spec.get("type") in ("ClusterIP", "ExternalName"):
                here.forbidden("may not be used when `type` is 'ClusterIP'", "nodePort")
            node_identity = (port.get("protocol"), port["nodePort"])
            if node_identity in seen_node_ports:
                here.duplicate(port["nodePort"], "nodePort")
            seen_node_ports.add(node_identity)


def _port_name(port: Obj, several: bool, seen: set[str], here: FieldErrors) -> None:
    name = port.get("name") or ""
    if not name:
        if several:
            here.required("name")
        return
    for message in names.dns1123_label(name):
        here.invalid(name, message, "name")
    if name in seen:
        here.duplicate(name, "name")
    seen.add(name)


def _in_range(number: object) -> bool:
    return isinstance(number, int) and 1 <= number <= 65535


def _ip(text: str, here: FieldErrors) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        here.invalid(text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
