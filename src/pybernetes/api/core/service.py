"""Services: one stable address for a set of pods."""

from __future__ import annotations

from ..kind import Kind

SERVICE = Kind(
    group="",
    version="v1",
    kind="Service",
    plural="services",
    namespaced=True,
    singular="service",
    short_names=("svc",),
    categories=("all",),
    subresources=("proxy", "status"),
    storage_prefix="services/specs",
    name_rule="dns1035label",
    schema="io.k8s.api.core.v1.Service",
)
