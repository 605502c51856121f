"""ReplicaSets: a number of equal pods."""

from __future__ import annotations

from ..kind import Kind

REPLICASET = Kind(
    group="apps",
    version="v1",
    kind="ReplicaSet",
    plural="replicasets",
    namespaced=True,
    singular="replicaset",
    short_names=("rs",),
    categories=("all",),
    subresources=("scale", "status"),
    generation=True,
    scale=("spec.replicas", "status.replicas", "spec.selector"),
    schema="io.k8s.api.apps.v1.ReplicaSet",
)
