"""Namespaces: the scope of names."""

from __future__ import annotations

from ..kind import Kind

NAMESPACE = Kind(
    group="",
    version="v1",
    kind="Namespace",
    plural="namespaces",
    namespaced=False,
    singular="namespace",
    short_names=("ns",),
    subresources=("finalize", "status"),
    verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
    name_rule="dns1123label",
    schema="io.k8s.api.core.v1.Namespace",
)
