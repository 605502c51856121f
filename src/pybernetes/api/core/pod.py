"""Pods: containers that share a node, an address and volumes."""

from __future__ import annotations

from ..kind import Kind

POD = Kind(
    group="",
    version="v1",
    kind="Pod",
    plural="pods",
    namespaced=True,
    singular="pod",
    short_names=("po",),
    categories=("all",),
    subresources=(
        "attach",
        "binding",
        "ephemeralcontainers",
        "eviction",
        "exec",
        "log",
        "portforward",
        "proxy",
        "resize",
        "status",
    ),
    generation=True,
    graceful=True,
    schema="io.k8s.api.core.v1.Pod",
)
