"""ConfigMaps: data for pods."""

from __future__ import annotations

from ..kind import Kind

CONFIGMAP = Kind(
    group="",
    version="v1",
    kind="ConfigMap",
    plural="configmaps",
    namespaced=True,
    singular="configmap",
    short_names=("cm",),
    schema="io.k8s.api.core.v1.ConfigMap",
)
