"""EndpointSlices: the addresses behind a Service, in pieces."""

from __future__ import annotations

from ..kind import Kind

ENDPOINTSLICE = Kind(
    group="discovery.k8s.io",
    version="v1",
    kind="EndpointSlice",
    plural="endpointslices",
    namespaced=True,
    singular="endpointslice",
    generation=True,
    schema="io.k8s.api.discovery.v1.EndpointSlice",
)
