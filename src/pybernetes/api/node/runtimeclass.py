"""RuntimeClasses: the container runtimes that pods may choose."""

from __future__ import annotations

from ..kind import Kind

RUNTIMECLASS = Kind(
    group="node.k8s.io",
    version="v1",
    kind="RuntimeClass",
    plural="runtimeclasses",
    namespaced=False,
    singular="runtimeclass",
    schema="io.k8s.api.node.v1.RuntimeClass",
)
