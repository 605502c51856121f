"""Nodes: the machines."""

from __future__ import annotations

from ..kind import Kind

NODE = Kind(
    group="",
    version="v1",
    kind="Node",
    plural="nodes",
    namespaced=False,
    singular="node",
    short_names=("no",),
    subresources=("proxy", "status"),
    storage_prefix="minions",
    schema="io.k8s.api.core.v1.Node",
)
