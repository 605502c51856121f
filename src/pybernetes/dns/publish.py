"""Making the DNS server known as `kube-dns` in kube-system: a Service with a fixed address and its EndpointSlice.

The server runs beside the other components, not in a pod, so no selector finds it: it publishes its own endpoint.
"""

from __future__ import annotations

from typing import Any

from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.client.interface import Client

NAMESPACE, NAME = "kube-system", "kube-dns"


def service(cluster_ip: str) -> dict[str, Any]:
    """The Service under upstream's name, labels and ports (what kubeadm makes)."""
    labels = {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "clusterIP": cluster_ip,
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP"},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
            ],
        },
    }


def endpoint_slice(ip: str, port: int) -> dict[str, Any]:
    """The slice that sends the Service's traffic to the server's own address."""
    labels = {"kubernetes.io/service-name": NAME, "endpointslice.kubernetes.io/managed-by": "dns.pybernetes"}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "addressType": "IPv4",
        "endpoints": [
            {"addresses": [ip], "conditions": {"ready": True, "serving": True, "terminating": False}}
        ],
        "ports": [
            {"name": "dns", "port": port, "protocol": "UDP"},
            {"name": "dns-tcp", "port": port, "protocol": "TCP"},
        ],
    }


async def publish(client: Client, cluster_ip: str, ip: str, port: int) -> None:
    """Creates the Service if it is not there, and puts the slice in place. Raises ApiError where `cluster_ip` belongs
    to another Service."""
    await _create(client, kinds.SERVICE, service(cluster_ip))
    wanted = endpoint_slice(ip, port)
    if not await _create(client, kinds.ENDPOINTSLICE, wanted):
        fields = {"endpoints": wanted["endpoints"], "ports": wanted["ports"]}
        await client.patch(kinds.ENDPOINTSLICE, NAME, NAMESPACE, fields)


async def _create(client: Client, kind: Kind, wanted: Obj) -> bool:
    """Whether it was not there. Asked first: a Service whose address is taken is refused for that, even by itself."""
    try:
        await client.get(kind, NAME, NAMESPACE)
    except NotFound:
        await client.create(kind, wanted)
        return True
    return False
