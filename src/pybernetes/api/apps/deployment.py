"""Deployments: pods kept running and updated by rolling replacement."""

from __future__ import annotations

from ..kind import Kind

DEPLOYMENT = Kind(
    group="apps",
    version="v1",
    kind="Deployment",
    plural="deployments",
    namespaced=True,
    singular="deployment",
    short_names=("deploy",),
    categories=("all",),
    subresources=("scale", "status"),
    generation=True,
    scale=("spec.replicas", "status.replicas", "spec.selector"),
    schema="io.k8s.api.apps.v1.Deployment",
)
