"""The zone's view of the cluster, read from informers through their indexes."""

from __future__ import annotations

from collections.abc import Iterable

from pybernetes.api import kinds
from pybernetes.api.meta import Obj, labels_of, namespace_of
from pybernetes.client.informers import Informers


def _cluster_ips(service: Obj) -> list[str]:
    return [ip for ip in service["spec"].get("clusterIPs") or () if ip != "None"]


def _service_of_slice(piece: Obj) -> list[str]:
    name = labels_of(piece).get("kubernetes.io/service-name")
    return [f"{namespace_of(piece)}/{name}"] if name else []


def _endpoint_ips(piece: Obj) -> list[str]:
    return [ip for endpoint in piece.get("endpoints") or () for ip in endpoint["addresses"]]


class InformerView:
    """Implements `zone.View`. `generation` grows with every change that may alter an answer."""

    def __init__(self, informers: Informers) -> None:
        self._services = informers.of(kinds.SERVICE)
        self._slices = informers.of(kinds.ENDPOINTSLICE)
        self._namespaces = informers.of(kinds.NAMESPACE)
        self._services.add_index("dns-ip", _cluster_ips)
        self._slices.add_index("dns-service", _service_of_slice)
        self._slices.add_index("dns-ip", _endpoint_ips)
        self.generation = 1
        for informer in (self._services, self._slices, self._namespaces):
            informer.on_event(self._changed)

    async def synced(self) -> None:
        for informer in (self._services, self._slices, self._namespaces):
            await informer.synced()

    def service(self, namespace: str, name: str) -> Obj | None:
        return self._services.get(f"{namespace}/{name}")

    def slices(self, namespace: str, service: str) -> Iterable[Obj]:
        return self._slices.by_index("dns-service", f"{namespace}/{service}")

    def has_namespace(self, name: str) -> bool:
        return self._namespaces.get(name) is not None

    def services_with_ip(self, ip: str) -> Iterable[Obj]:
        return self._services.by_index("dns-ip", ip)

    def slices_with_ip(self, ip: str) -> Iterable[Obj]:
        return self._slices.by_index("dns-ip", ip)

    def _changed(self, *_: object) -> None:
        self.generation += 1
