"""Secrets: data for pods that is not shown."""

from __future__ import annotations

from ..kind import Kind

SECRET = Kind(
    group="",
    version="v1",
    kind="Secret",
    plural="secrets",
    namespaced=True,
    singular="secret",
    schema="io.k8s.api.core.v1.Secret",
)
