"""Short ways to write nodes and pods."""

from __future__ import annotations

import itertools
from typing import Any

_uids = itertools.count(1)


def node(name: str, cpu: str = "4", memory: str = "8Gi", pods: int = 110, **rest: Any) -> dict[str, Any]:
    """`labels`, `taints`, `unschedulable`, `images` and more resources through `**rest`."""
    labels = {"kubernetes.io/hostname": name, **rest.pop("labels", {})}
    spec = {key: rest.pop(key) for key in ("taints", "unschedulable") if key in rest}
    images = rest.pop("images", [])
    allocatable = {"cpu": cpu, "memory": memory, "pods": str(pods), **rest}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
        "status": {"allocatable": allocatable, "images": images},
    }


def pod(name: str = "web", cpu: str = "", memory: str = "", **rest: Any) -> dict[str, Any]:
    """`labels` and `namespace` go to metadata, `ports` to the container, the rest to the spec."""
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    container: dict[str, Any] = {"name": "c", "image": "img"}
    if requests:
        container["resources"] = {"requests": requests}
    if "ports" in rest:
        container["ports"] = rest.pop("ports")
    metadata = {
        "name": name,
        "namespace": rest.pop("namespace", "default"),
        "uid": f"uid-{next(_uids)}",
        "labels": rest.pop("labels", {}),
        **rest.pop("metadata", {}),
    }
    spec = {"schedulerName": "default-scheduler", "containers": [container], **rest}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
        "status": {"phase": "Pending"},
    }


def selects(**labels: str) -> dict[str, Any]:
    return {"matchLabels": labels}


def anti_affinity(key: str = "kubernetes.io/hostname", **labels: str) -> dict[str, Any]:
    term = {"labelSelector": selects(**labels), "topologyKey": key}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
