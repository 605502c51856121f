"""Bindings: the scheduler's answer; posted, never stored."""

from __future__ import annotations

from ..kind import Kind

BINDING = Kind(
    group="",
    version="v1",
    kind="Binding",
    plural="bindings",
    namespaced=True,
    singular="binding",
    verbs=("create",),
    schema="io.k8s.api.core.v1.Binding",
)
