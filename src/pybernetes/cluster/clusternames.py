"""What the hollow network asks of a cluster: names by its DNS, Services by their endpoints."""

from __future__ import annotations

from collections.abc import Sequence

from pybernetes.api.meta import name_of, namespace_of
from pybernetes.dns.view import InformerView

from .resolve import resolve


class ClusterNames:
    """Implements `sim.network.Names`."""

    def __init__(self, view: InformerView, domain: str) -> None:
        self._view = view
        self._domain = domain

    def addresses(self, name: str, namespace: str) -> Sequence[str]:
        return sorted(resolve(self._view, name, "A", namespace, self._domain))

    def endpoints(self, ip: str, port: int) -> Sequence[tuple[str, int]] | None:
        for service in self._view.services_with_ip(ip):
            names = [p.get("name", "") for p in service["spec"].get("ports") or () if p["port"] == port]
            found = {
                (address, int(target["port"]))
                for piece in self._view.slices(namespace_of(service), name_of(service))
                for target in piece.get("ports") or ()
                if target.get("name", "") in names and target.get("port")
                for endpoint in piece.get("endpoints") or ()
                if (endpoint.get("conditions") or {}).get("ready", True) is not False
                for address in endpoint["addresses"]
            }
            return sorted(found)
        return None
