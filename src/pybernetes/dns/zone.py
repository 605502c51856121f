"""Which records the cluster has: the Kubernetes DNS specification (version 1.1.0) over a view of Services.

Rules beyond the specification are those of CoreDNS's `kubernetes` plugin as kubeadm configures it: a record of a pod's
address for each well-formed `a-b-c-d.<namespace>.pod.<zone>` in a namespace that exists, TTL 30, an SOA with negative
answers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Protocol

from pybernetes.api.meta import Obj, name_of, namespace_of

from .message import AAAA, ANY, CNAME, NOERROR, NXDOMAIN, PTR, SOA, SRV, TXT, A, Answer, Record

SPEC_VERSION = "1.1.0"
TTL = 30
NEGATIVE_TTL = 5


class View(Protocol):
    """What the zone is computed from; each method answers from a cache."""

    def service(self, namespace: str, name: str) -> Obj | None: ...
    def slices(self, namespace: str, service: str) -> Iterable[Obj]: ...
    def has_namespace(self, name: str) -> bool: ...
    def services_with_ip(self, ip: str) -> Iterable[Obj]: ...
    def slices_with_ip(self, ip: str) -> Iterable[Obj]: ...


def answer(view: View, zone: str, name: str, qtype: int, serial: int) -> Answer | None:
    """The authoritative answer, or None where the name is not ours to answer (forward it).

    `zone` such as `cluster.local`; `name` in lower case without final dot; `serial` for the SOA record.
    """
    if name.endswith((".in-addr.arpa", ".ip6.arpa")):
        return _reverse(view, zone, name, qtype, serial)
    if name != zone and not name.endswith("." + zone):
        return None
    found = _lookup(view, zone, name[: -len(zone) - 1].split(".") if name != zone else [], name)
    soa = _soa(zone, serial)
    if found is None:
        return Answer(NXDOMAIN, authority=(soa,))
    if name == zone and qtype in (SOA, ANY):
        return Answer(NOERROR, (soa,))
    records = [r for r in found if qtype == ANY or r.type in (qtype, CNAME)]
    if not records:
        return Answer(NOERROR, authority=(soa,))
    additional = _targets(view, zone, records) if qtype == SRV else ()
    return Answer(NOERROR, tuple(records), additional=tuple(additional))


def _lookup(view: View, zone: str, labels: list[str], name: str) -> list[Record] | None:
    """All records of a name, [] for a name that only has others below it, None for one that does not exist."""
    match labels:
        case [] | ["svc"] | ["pod"]:
            return []
        case ["dns-version"]:
            return [Record(name, TXT, TTL, SPEC_VERSION)]
        case [namespace, "svc" | "pod"]:
            return [] if view.has_namespace(namespace) else None
        case [address, namespace, "pod"]:
            return _pod(view, name, address, namespace)
        case [*prefix, service_name, namespace, "svc"]:
            service = view.service(namespace, service_name)
            return None if service is None else _service(view, zone, service, prefix, name)
    return None


def _pod(view: View, name: str, address: str, namespace: str) -> list[Record] | None:
    try:
        ip = ipaddress.ip_address(address.replace("-", "." if address.count("-") == 3 else ":"))
    except ValueError:
        return None
    return [_address_record(name, str(ip))] if view.has_namespace(namespace) else None


def _service(view: View, zone: str, service: Obj, prefix: list[str], name: str) -> list[Record] | None:
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return None if prefix else [Record(name, CNAME, TTL, spec["externalName"].rstrip(".").lower())]
    if spec.get("clusterIP") == "None":
        return _headless(view, zone, service, prefix, name)
    base = _service_name(service, zone)
    match prefix:
        case []:
            return [
                _address_record(name, ip) for ip in spec.get("clusterIPs") or [spec.get("clusterIP")] if ip
            ]
        case [protocol] if protocol.startswith("_"):
            return [] if any(_protocol(port) == protocol for port in spec.get("ports") or ()) else None
        case [port_label, protocol]:
            srv = [
                Record(name, SRV, TTL, (0, 100, port["port"], base))
                for port in spec.get("ports") or ()
                if port.get("name") and port_label == f"_{port['name']}" and _protocol(port) == protocol
            ]
            return srv or None
    return None


def _headless(view: View, zone: str, service: Obj, prefix: list[str], name: str) -> list[Record] | None:
    namespace, service_name = namespace_of(service), name_of(service)
    pairs = list(_ready(view.slices(namespace, service_name)))
    base = _service_name(service, zone)
    match prefix:
        case []:
            return _unique(_address_record(name, ip) for _, endpoint in pairs for ip in endpoint["addresses"])
        case [protocol] if protocol.startswith("_"):
            known = any(
                _protocol(port) == protocol for piece, _ in pairs for port in piece.get("ports") or ()
            )
            return [] if known else None
        case [host] if not host.startswith("_"):
            return (
                _unique(
                    _address_record(name, ip)
                    for _, e in pairs
                    if _host_label(e) == host
                    for ip in e["addresses"]
                )
                or None
            )
        case [port_label, protocol]:
            srv = _unique(
                Record(name, SRV, TTL, (0, 100, port["port"], f"{_host_label(endpoint)}.{base}"))
                for piece, endpoint in pairs
                for port in piece.get("ports") or ()
                if port.get("name") and port_label == f"_{port['name']}" and _protocol(port) == protocol
            )
            return srv or None
    return None


def _ready(slices: Iterable[Obj]) -> Iterator[tuple[Obj, Obj]]:
    """(slice, endpoint) of what is published: ready ones; slices of services that publish all say `ready` for all."""
    for piece in slices:
        for endpoint in piece.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready", True) is not False:
                yield piece, endpoint


def _host_label(endpoint: Obj) -> str:
    """The endpoint's hostname, or its address with dashes."""
    return str(endpoint.get("hostname") or "") or str(endpoint["addresses"][0]).replace(".", "-").replace(
        ":", "-"
    )


def _protocol(port: Obj) -> str:
    return f"_{port.get('protocol', 'TCP').lower()}"


def _service_name(service: Obj, zone: str) -> str:
    return f"{name_of(service)}.{namespace_of(service)}.svc.{zone}"


def _address_record(name: str, ip: str) -> Record:
    return Record(name, AAAA if ":" in ip else A, TTL, ip)


def _unique(records: Iterable[Record]) -> list[Record]:
    return list(dict.fromkeys(records))


def _targets(view: View, zone: str, records: list[Record]) -> Iterator[Record]:
    """Addresses of the targets of SRV records, so that the client need not ask again."""
    for target in dict.fromkeys(str(record.data[3]) for record in records if record.type == SRV):
        for record in _lookup(view, zone, target[: -len(zone) - 1].split("."), target) or ():
            if record.type in (A, AAAA):
                yield record


def _reverse(view: View, zone: str, name: str, qtype: int, serial: int) -> Answer | None:
    """PTR of a cluster IP or of an endpoint of a headless service; other addresses are not ours."""
    ip = _reverse_address(name)
    if ip is None:
        return None
    targets = [_service_name(service, zone) for service in view.services_with_ip(ip)]
    for piece in view.slices_with_ip(ip):
        namespace = namespace_of(piece)
        service = view.service(
            namespace, piece["metadata"].get("labels", {}).get("kubernetes.io/service-name", "")
        )
        if service is not None and service["spec"].get("clusterIP") == "None":
            hosts = [_host_label(e) for e in piece.get("endpoints") or () if ip in e["addresses"]]
            targets += [f"{host}.{_service_name(service, zone)}" for host in hosts]
    if not targets:
        return None
    records = tuple(Record(name, PTR, TTL, target) for target in dict.fromkeys(targets))
    return (
        Answer(NOERROR, records) if qtype in (PTR, ANY) else Answer(NOERROR, authority=(_soa(zone, serial),))
    )


def _reverse_address(name: str) -> str | None:
    labels = name.split(".")[:-2][::-1]
    text = ".".join(labels) if name.endswith(".in-addr.arpa") else ":".join(_groups("".join(labels)))
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _groups(nibbles: str) -> list[str]:
    return [nibbles[i : i + 4] for i in range(0, len(nibbles), 4)]


def _soa(zone: str, serial: int) -> Record:
    numbers = (serial, 7200, 1800, 86400, NEGATIVE_TTL)
    return Record(zone, SOA, NEGATIVE_TTL, (f"ns.dns.{zone}", f"hostmaster.{zone}", *numbers))
