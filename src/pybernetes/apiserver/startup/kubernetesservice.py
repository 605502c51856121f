"""The Service `default/kubernetes` and its endpoints: how pods find the API server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pybernetes.aio import upkeep
from pybernetes.api.errors import ApiError
from pybernetes.api.kind import Kind
from pybernetes.api.kinds import ENDPOINTS, ENDPOINTSLICE, SERVICE
from pybernetes.client.interface import Call

from ..config import ApiServerConfig
from .bootstrap import ensure

if TYPE_CHECKING:
    from ..inprocess import InProcessTransport
    from ..registry import Registry

log = logging.getLogger(__name__)

NAME, NAMESPACE = "kubernetes", "default"
LABELS = {"component": "apiserver", "provider": "kubernetes"}
SLICE_LABELS = {"kubernetes.io/service-name": NAME}
INTERVAL = 30.0
"""Seconds between looks at whether it is all still there."""


async def publish(
    transport: InProcessTransport, registry: Registry, config: ApiServerConfig, cluster_ip: str
) -> None:
    """Makes the Service, and its Endpoints and EndpointSlice name the advertised address."""
    await ensure(transport, registry, SERVICE, service(cluster_ip, config.secure_port))
    await _write(transport, registry, ENDPOINTS, endpoints(config.advertise_address, config.secure_port))
    await _write(
        transport, registry, ENDPOINTSLICE, endpoint_slice(config.advertise_address, config.secure_port)
    )


async def keep(
    transport: InProcessTransport, registry: Registry, config: ApiServerConfig, cluster_ip: str
) -> None:
    """Publishes again at intervals, until cancelled."""
    while True:
        await upkeep.pause(INTERVAL)
        try:
            await publish(transport, registry, config, cluster_ip)
        except ApiError as error:
            log.warning("the kubernetes service could not be published: %s", error)


async def _write(transport: InProcessTransport, registry: Registry, kind: Kind, tree: dict[str, Any]) -> None:
    version = registry.cache(kind).get(NAMESPACE, NAME)
    if version is None:
        await ensure(transport, registry, kind, tree)
        return
    field = "subsets" if kind is ENDPOINTS else "endpoints"
    if version.tree().get(field) != tree[field]:
        await transport.call(Call("update", kind, namespace=NAMESPACE, name=NAME, body=tree))


def service(cluster_ip: str, target_port: int) -> dict[str, Any]:
    port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": target_port}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": LABELS},
        "spec": {"type": "ClusterIP", "clusterIP": cluster_ip, "ports": [port], "sessionAffinity": "None"},
    }


def endpoints(address: str, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
        },
        "subsets": [
            {"addresses": [{"ip": address}], "ports": [{"name": "https", "port": port, "protocol": "TCP"}]}
        ],
    }


def endpoint_slice(address: str, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": SLICE_LABELS},
        "addressType": "IPv6" if ":" in address else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
