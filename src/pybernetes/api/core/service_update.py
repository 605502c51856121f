"""What an update of a Service leaves out or no longer needs: addresses and ports that stay, fields that go."""

from __future__ import annotations

from ..meta import MutableObj, Obj
from .service_validation import PORTED, is_external, needs_health_check

FAMILY_FIELDS = ("ipFamilies", "ipFamilyPolicy")


def prepare_create(obj: MutableObj) -> None:
    """The status is the server's; who gives only the one address means it as the first of the list."""
    obj["status"] = {"loadBalancer": {}}
    spec = obj["spec"]
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]


def prepare_update(new: MutableObj, old: Obj) -> None:
    """Upstream's order: what was left out, the two forms of the address, what the type has no use for."""
    spec, before = new["spec"], old["spec"]
    new["status"] = old.get("status") or {"loadBalancer": {}}
    if spec.get("type") != "LoadBalancer":
        new["status"] = {**new["status"], "loadBalancer": {}}
    _keep_allocated(spec, before)
    _match_addresses(spec, before)
    _drop_unneeded(spec, before)


def _keep_allocated(spec: MutableObj, before: Obj) -> None:
    """What the server gave out before and the client does not mention."""
    if _has_address(before) and _has_address(spec):
        if not spec.get("clusterIP") and before.get("clusterIP"):
            spec["clusterIP"] = before["clusterIP"]
        if not spec.get("clusterIPs") and spec.get("clusterIP") == before.get("clusterIP"):
            _take(spec, before, "clusterIPs")
    if before.get("type") in PORTED and spec.get("type") in PORTED:
        _keep_node_ports(spec, before)
    if needs_health_check(before) and needs_health_check(spec) and not spec.get("healthCheckNodePort"):
        _take(spec, before, "healthCheckNodePort")


def _keep_node_ports(spec: MutableObj, before: Obj) -> None:
    """By the name of the port; a number that the client has given to another port is that port's."""
    were, are = before.get("ports") or (), spec.get("ports") or ()
    used = {port.get("nodePort") for port in were} & {port.get("nodePort") for port in are}
    known = {port.get("name", ""): port.get("nodePort") for port in were}
    for port in are:
        number = known.get(port.get("name", ""))
        if not port.get("nodePort") and number and number not in used:
            port["nodePort"] = number


def _match_addresses(spec: MutableObj, before: Obj) -> None:
    """Who changes `clusterIP` and leaves `clusterIPs` alone means both."""
    first = spec.get("clusterIP") or ""
    if first == (before.get("clusterIP") or ""):
        if before.get("clusterIPs") and not spec.get("clusterIPs") and first:
            spec["clusterIPs"] = before["clusterIPs"]
    elif (spec.get("clusterIPs") or []) == (before.get("clusterIPs") or []):
        if first:
            spec["clusterIPs"] = [first]
        else:
            spec.pop("clusterIPs", None)


def _drop_unneeded(spec: MutableObj, before: Obj) -> None:
    """What the server filled in for another type, unless the client changes it and so means it."""
    if _has_address(before) and not _has_address(spec):
        if (spec.get("clusterIPs") or []) == (before.get("clusterIPs") or []):
            spec.pop("clusterIP", None)
            spec.pop("clusterIPs", None)
        for field in FAMILY_FIELDS:
            _drop_same(spec, before, field)
    if before.get("type") in PORTED and spec.get("type") not in PORTED:
        _drop_node_ports(spec, before)
    if needs_health_check(before) and not needs_health_check(spec):
        _drop_same(spec, before, "healthCheckNodePort")
    if before.get("type") == "LoadBalancer" != spec.get("type"):
        _drop_same(spec, before, "allocateLoadBalancerNodePorts")
        _drop_same(spec, before, "loadBalancerClass")
    if is_external(before) and not is_external(spec):
        _drop_same(spec, before, "externalTrafficPolicy")


def _drop_node_ports(spec: MutableObj, before: Obj) -> None:
    """Unless one of the numbers is new."""
    were = {port.get("nodePort") for port in before.get("ports") or ()}
    ports = spec.get("ports") or ()
    if all(port.get("nodePort") in (None, 0, *were) for port in ports):
        for port in ports:
            port.pop("nodePort", None)


def _has_address(spec: Obj) -> bool:
    return bool(spec.get("type") != "ExternalName")


def _drop_same(spec: MutableObj, before: Obj, field: str) -> None:
    if field in spec and spec[field] == before.get(field):
        del spec[field]


def _take(spec: MutableObj, before: Obj, field: str) -> None:
    if field in before:
        spec[field] = before[field]
