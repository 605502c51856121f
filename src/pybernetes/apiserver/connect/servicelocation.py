"""Where a Service is reached by this server: a ready endpoint of it, since its own address may be the pods' alone."""

from __future__ import annotations

from pybernetes.api.errors import ServiceUnavailable
from pybernetes.api.meta import Obj
from pybernetes.clock import Env

from ..registry import Registry
from .proxy_targets import ProxyName, service_url

SERVICE_LABEL = "kubernetes.io/service-name"


def service_base(registry: Registry, env: Env, namespace: str, name: str, port: str) -> str:
    """`https://host:port` of one of a Service's ready endpoints; of its external name, where it is only that.

    Raises ServiceUnavailable where there is no such Service, port or endpoint.
    """
    service = registry.core("services", namespace, name)
    if service is None:
        raise ServiceUnavailable(f'service "{name}" not found')
    spec = service.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return f"https://{spec.get('externalName', '')}:{port}"
    slices = slices_of(registry, namespace, name)
    return service_url(service, slices, ProxyName("https", "", port), env.rng.getrandbits(30))


def slices_of(registry: Registry, namespace: str, name: str) -> list[Obj]:
    """The EndpointSlices of a Service."""
    resource = registry.find("discovery.k8s.io", "v1", "endpointslices")
    if resource is None:
        return []
    versions = resource.stored().in_namespace(namespace)
    return [version.tree() for version in versions if version.labels.get(SERVICE_LABEL) == name]
