"""Which address `nodes|pods|services/{[scheme:]name[:port]}/proxy/…` means: pure look-ups, upstream's rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pybernetes.api.errors import BadRequest, ServiceUnavailable
from pybernetes.api.meta import Obj
from pybernetes.apiserver.connect.pod_targets import bracketed, kubelet_base


@dataclass(frozen=True, slots=True)
class ProxyName:
    """`https:web:443` taken apart; scheme and port may be ""."""

    scheme: str
    name: str
    port: str


def split_name(text: str) -> ProxyName:
    """`name`, `name:port` or `scheme:name:port` (the port may be empty). Raises BadRequest."""
    parts = text.split(":")
    if len(parts) == 1:
        parts = ["", parts[0], ""]
    elif len(parts) == 2:
        parts = ["", *parts]
    if len(parts) != 3 or not parts[1] or parts[0] not in ("", "http", "https"):
        raise BadRequest(f'invalid request "{text}"')
    return ProxyName(*parts)


def node_url(node: Obj, asked: ProxyName) -> str:
    """A node's kubelet, or another port of its address."""
    base = kubelet_base(node)
    if asked.port and not base.endswith(f":{asked.port}"):
        host = base.removeprefix("https://").rpartition(":")[0]
        return f"{asked.scheme or 'http'}://{host}:{asked.port}"
    return base


def pod_url(pod: Obj, asked: ProxyName) -> str:
    """A pod's address; without a port, its first declared one. Raises BadRequest."""
    address = (pod.get("status") or {}).get("podIP")
    if not address:
        raise BadRequest("address not allowed")
    port = asked.port
    if not port:
        declared = [p for c in pod["spec"]["containers"] for p in c.get("ports") or ()]
        port = str(declared[0]["containerPort"]) if declared else ""
    host = bracketed(address)
    return f"{asked.scheme or 'http'}://{host}:{port}" if port else f"{asked.scheme or 'http'}://{host}"


def service_url(service: Obj, slices: Iterable[Obj], asked: ProxyName, pick: int) -> str:
    """A ready endpoint of a Service; `pick` (any number) spreads requests over them. Raises ServiceUnavailable."""
    name = service["metadata"]["name"]
    port_name = _port_name(service, asked.port)
    found: list[str] = []
    if port_name is not None:
        for endpoints in slices:
            for port in endpoints.get("ports") or ():
                if (port.get("name") or "") == port_name and port.get("port"):
                    hosts = _ready(endpoints)
                    found += [f"{bracketed(host)}:{port['port']}" for host in hosts]
    if not found:
        if port_name is None:
            raise ServiceUnavailable(f'no service port "{asked.port}" found for service "{name}"')
        raise ServiceUnavailable(f'no endpoints available for service "{name}"')
    return f"{asked.scheme or 'http'}://{found[pick % len(found)]}"


def _port_name(service: Obj, port: str) -> str | None:
    """The name of the Service's port that was asked by name or number; None where it has none such."""
    ports: list[Mapping[str, object]] = service["spec"].get("ports") or []
    if not port:
        return str(ports[0].get("name") or "") if len(ports) == 1 else ("" if not ports else None)
    for entry in ports:
        if port in (entry.get("name"), str(entry.get("port"))):
            return str(entry.get("name") or "")
    return None


def _ready(endpoints: Obj) -> list[str]:
    ready = (e for e in endpoints.get("endpoints") or () if (e.get("conditions") or {}).get("ready", True))
    return [address for entry in ready for address in entry["addresses"][:1]]
