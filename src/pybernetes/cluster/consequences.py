"""What kube-proxy and the cluster's DNS make of a Service and its endpoints, in words: pure, from the objects.

It is computed by the code that programs nodes and answers questions, so that it is told also where no kernel is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pybernetes.api.meta import Obj, labels_of, name_of, namespace_of
from pybernetes.dns import message
from pybernetes.dns.zone import answer
from pybernetes.proxy.compile import SERVICE_NAME_LABEL, Node, compile_rules, is_proxied
from pybernetes.proxy.model import Frontend

from .story import Consequence

ZONE_LABEL = "topology.kubernetes.io/zone"
SAID_NODES = 3


@dataclass(frozen=True)
class ServiceView:
    """One Service and its EndpointSlices, as `dns.zone.View` asks for them."""

    of: Obj
    pieces: Sequence[Obj]

    def service(self, namespace: str, name: str) -> Obj | None:
        return self.of if (namespace_of(self.of), name_of(self.of)) == (namespace, name) else None

    def slices(self, namespace: str, service: str) -> Iterable[Obj]:
        return self.pieces if self.service(namespace, service) is not None else ()

    def has_namespace(self, name: str) -> bool:
        return name == namespace_of(self.of)

    def services_with_ip(self, ip: str) -> Iterable[Obj]:
        return [self.of] if ip in (self.of["spec"].get("clusterIPs") or ()) else ()

    def slices_with_ip(self, ip: str) -> Iterable[Obj]:
        return [p for p in self.pieces if any(ip in e["addresses"] for e in p.get("endpoints") or ())]


def consequences(service: Obj, slices: Sequence[Obj], nodes: Sequence[Obj], domain: str) -> list[Consequence]:
    """What a Service with these slices (of its namespace) is, on these nodes."""
    own = [piece for piece in slices if labels_of(piece).get(SERVICE_NAME_LABEL) == name_of(service)]
    name = f"services/{name_of(service)}"
    found = []
    if is_proxied(service):
        found.append(Consequence("kube-proxy", f"programs {name}", proxy_lines(service, own, nodes)))
    found.append(Consequence("dns", f"answers for {name}", dns_lines(service, own, domain)))
    return found


def proxy_lines(service: Obj, slices: Sequence[Obj], nodes: Sequence[Obj]) -> tuple[str, ...]:
    """`10.96.3.7:80/tcp → 10.244.0.2:8080, 10.244.1.2:8080`; where nodes differ, with their names before it."""
    by_rules: dict[tuple[str, ...], list[str]] = {}
    for node in nodes or ({"metadata": {"name": ""}},):
        seen = Node(name_of(node), labels_of(node).get(ZONE_LABEL, ""))
        rules = tuple(_rule(each) for each in compile_rules([service], slices, seen))
        by_rules.setdefault(rules, []).append(seen.name)
    if len(by_rules) == 1:
        return next(iter(by_rules))
    return tuple(f"{_names(names)}: {rule}" for rules, names in by_rules.items() for rule in rules)


def dns_lines(service: Obj, slices: Sequence[Obj], domain: str) -> tuple[str, ...]:
    """`web.default.svc.cluster.local. A 10.96.3.7`, and the SRV records of named ports."""
    view = ServiceView(service, slices)
    full = f"{name_of(service)}.{namespace_of(service)}.svc.{domain}"
    asked = [(full, "A", message.A), (full, "AAAA", message.AAAA)]
    for port in service["spec"].get("ports") or ():
        if port.get("name"):
            protocol = port.get("protocol", "TCP").lower()
            asked.append((f"_{port['name']}._{protocol}.{full}", "SRV", message.SRV))
    lines = []
    for name, word, qtype in asked:
        reply = answer(view, domain, name, qtype, 1)
        for record in reply.answers if reply is not None else ():
            kind = "CNAME" if record.type == message.CNAME else word
            lines.append(f"{record.name}. {kind} {_data(record.data)}")
    return tuple(dict.fromkeys(lines)) or (f"{full}. has no address",)


def _rule(frontend: Frontend) -> str:
    where = f"{frontend.ip}:{frontend.port}" if frontend.ip else f"node port {frontend.port}"
    targets = ", ".join(f"{backend.ip}:{backend.port}" for backend in frontend.backends)
    sticky = f" (a client stays {frontend.affinity_seconds} s)" if frontend.affinity_seconds else ""
    return f"{where}/{frontend.protocol} → {targets or 'refused: no endpoint'}{sticky}"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SAID_NODES])
    return f"{shown} and {len(names) - SAID_NODES} more" if len(names) > SAID_NODES else shown


def _data(data: str | tuple[str | int, ...]) -> str:
    return data if isinstance(data, str) else " ".join(str(part) for part in data)
