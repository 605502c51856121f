"""Endpoints: the addresses behind a Service, in one object (superseded by EndpointSlices)."""

from __future__ import annotations

from ..kind import Kind

ENDPOINTS = Kind(
    group="",
    version="v1",
    kind="Endpoints",
    plural="endpoints",
    namespaced=True,
    singular="endpoints",
    short_names=("ep",),
    storage_prefix="services/endpoints",
    schema="io.k8s.api.core.v1.Endpoints",
)
