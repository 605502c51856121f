"""ResourceQuotas: how much a namespace may ask for."""

from __future__ import annotations

from ..kind import Kind

RESOURCEQUOTA = Kind(
    group="",
    version="v1",
    kind="ResourceQuota",
    plural="resourcequotas",
    namespaced=True,
    singular="resourcequota",
    short_names=("quota",),
    subresources=("status",),
    schema="io.k8s.api.core.v1.ResourceQuota",
)
