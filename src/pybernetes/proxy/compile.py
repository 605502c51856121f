"""Services and EndpointSlices, as one node sees them, to frontends and backends.

The rules are those of the Service documentation: ready endpoints only; where a service has none that is ready, the
ones that are terminating but still serving (KEP-1669); `internalTrafficPolicy` and `externalTrafficPolicy` Local keep
to endpoints of this node. Otherwise hints are followed: those for nodes where every ready endpoint carries one and some
name this node (KEP-3015), else those for zones under the same condition (KEP-2433).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pybernetes.api.meta import Obj, labels_of, name_of, namespace_of

from .model import Backend, Frontend, Rules

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"


@dataclass(frozen=True, slots=True)
class Node:
    """The node that the rules are for. `zone` is its label `topology.kubernetes.io/zone`, "" for none."""

    name: str
    zone: str = ""


@dataclass(frozen=True, slots=True)
class _Endpoint:
    backend: Backend
    ready: bool
    serving: bool
    terminating: bool
    local: bool
    zone_hints: tuple[str, ...]
    node_hints: tuple[str, ...]


def compile_rules(services: Iterable[Obj], slices: Iterable[Obj], node: Node) -> Rules:
    """All frontends of a node, in a stable order (by service, then port)."""
    slices_of: dict[str, list[Obj]] = {}
    for piece in slices:
        service_name = labels_of(piece).get(SERVICE_NAME_LABEL)
        if service_name and piece.get("addressType") == "IPv4":
            slices_of.setdefault(f"{namespace_of(piece)}/{service_name}", []).append(piece)
    frontends: list[Frontend] = []
    for service in sorted(services, key=lambda s: (namespace_of(s), name_of(s))):
        if is_proxied(service):
            key = f"{namespace_of(service)}/{name_of(service)}"
            frontends.extend(_service_frontends(service, slices_of.get(key, ()), node))
    return tuple(frontends)


def is_proxied(service: Obj) -> bool:
    """Whether kube-proxy handles this Service at all: not headless, not ExternalName, not another proxy's."""
    spec = service["spec"]
    return (
        spec.get("type") != "ExternalName"
        and spec.get("clusterIP") not in (None, "", "None")
        and PROXY_NAME_LABEL not in labels_of(service)
    )


def _service_frontends(service: Obj, slices: Iterable[Obj], node: Node) -> Iterable[Frontend]:
    spec = service["spec"]
    affinity = _affinity_seconds(spec)
    external_local = spec.get("externalTrafficPolicy") == "Local"
    for port in spec.get("ports") or ():
        endpoints = _endpoints_of_port(slices, port.get("name") or "", node)
        inside = _choose(endpoints, node, local_only=spec.get("internalTrafficPolicy") == "Local")
        outside = _choose(endpoints, node, local_only=external_local)
        label = f"{namespace_of(service)}/{name_of(service)}:{port.get('name') or port['port']}"
        protocol = port.get("protocol", "TCP").lower()
        for ip in _cluster_ips(spec):
            yield Frontend(ip, protocol, port["port"], inside, affinity, service=label)
        for ip in _external_ips(service):
            yield Frontend(ip, protocol, port["port"], outside, affinity, external_local, label)
        if port.get("nodePort"):
            yield Frontend(None, protocol, port["nodePort"], outside, affinity, external_local, label)


def _cluster_ips(spec: Obj) -> list[str]:
    return [ip for ip in spec.get("clusterIPs") or [spec["clusterIP"]] if ":" not in ip]


def _external_ips(service: Obj) -> list[str]:
    balancer = (service.get("status") or {}).get("loadBalancer") or {}
    ingress = [
        entry["ip"]
        for entry in balancer.get("ingress") or ()
        if entry.get("ip") and entry.get("ipMode") != "Proxy"
    ]
    return [ip for ip in [*(service["spec"].get("externalIPs") or ()), *ingress] if ":" not in ip]


def _affinity_seconds(spec: Obj) -> int:
    if spec.get("sessionAffinity") != "ClientIP":
        return 0
    config: Mapping[str, int] = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    return int(config.get("timeoutSeconds") or 10800)


def _endpoints_of_port(slices: Iterable[Obj], port_name: str, node: Node) -> list[_Endpoint]:
    """Every endpoint that offers the named port, once each, in the order of their addresses."""
    found: dict[Backend, _Endpoint] = {}
    for piece in slices:
        for port in piece.get("ports") or ():
            if (port.get("name") or "") != port_name or not port.get("port"):
                continue
            for endpoint in piece.get("endpoints") or ():
                seen = _endpoint(endpoint, int(port["port"]), node)
                found.setdefault(seen.backend, seen)
    return [found[backend] for backend in sorted(found)]


def _endpoint(endpoint: Obj, port: int, node: Node) -> _Endpoint:
    conditions = endpoint.get("conditions") or {}
    ready = conditions.get("ready", True) is not False
    hints = endpoint.get("hints") or {}
    return _Endpoint(
        Backend(endpoint["addresses"][0], port),
        ready=ready,
        serving=conditions.get("serving", ready) is not False,
        terminating=bool(conditions.get("terminating")),
        local=endpoint.get("nodeName") == node.name,
        zone_hints=tuple(hint["name"] for hint in hints.get("forZones") or ()),
        node_hints=tuple(hint["name"] for hint in hints.get("forNodes") or ()),
    )


def _choose(endpoints: list[_Endpoint], node: Node, *, local_only: bool) -> tuple[Backend, ...]:
    """Whom traffic goes to. An endpoint that is published as ready counts as such even while it terminates
    (`publishNotReadyAddresses`); those that are terminating but serving count where no other does."""
    candidates = [e for e in endpoints if e.local] if local_only else endpoints
    ready = [e for e in candidates if e.ready]
    usable = ready or [e for e in candidates if e.serving and e.terminating]
    return tuple(e.backend for e in (usable if local_only else _by_hints(usable, node)))


def _by_hints(usable: list[_Endpoint], node: Node) -> list[_Endpoint]:
    """The ready endpoints hinted for this node, else for its zone: in either case only if each of them has such a hint,
    and somebody's is for here."""
    if all(e.ready for e in usable):
        if all(e.node_hints for e in usable) and (mine := [e for e in usable if node.name in e.node_hints]):
            return mine
        if all(e.zone_hints for e in usable) and (mine := [e for e in usable if node.zone in e.zone_hints]):
            return mine
    return usable
