"""Small workloads that scenarios own things with."""

from __future__ import annotations

from typing import Any

from pybernetes import Cluster
from pybernetes.api import kinds
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from tests.conformance.scenario import until


def pod(name: str, ns: str, *, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod of one container that does nothing; `spec` besides."""
    whole = {"containers": [{"name": "c", "image": "pause"}], **spec}
    return {"metadata": {"name": name, "namespace": ns, "labels": labels or {}}, "spec": whole}


def template(name: str) -> dict[str, Any]:
    """A pod template labelled `name=…`."""
    spec = {"containers": [{"name": "c", "image": "pause"}], "terminationGracePeriodSeconds": 0}
    return {"metadata": {"labels": {"name": name}}, "spec": spec}


def replication_controller(name: str, ns: str, replicas: int) -> dict[str, Any]:
    spec = {"replicas": replicas, "selector": {"name": name}, "template": template(name)}
    return {"metadata": {"name": name, "namespace": ns}, "spec": spec}


def replica_set(name: str, ns: str, replicas: int) -> dict[str, Any]:
    selector = {"matchLabels": {"name": name}}
    spec = {"replicas": replicas, "selector": selector, "template": template(name)}
    return {"metadata": {"name": name, "namespace": ns}, "spec": spec}


deployment = replica_set
"""The same fields mean the same."""


async def count(c: Cluster, kind: Kind, ns: str, number: int, labels: str = "") -> list[Obj]:
    """Waits until a namespace has so many objects of a kind, and gives them."""

    async def listed() -> tuple[list[Obj]] | None:
        found = (await c.client.list(kind, ns, labels=labels)).items
        return (found,) if len(found) == number else None

    [found] = await until(f"{number} {kind.plural}", listed)
    return list(found)


async def running(c: Cluster, ns: str, number: int, labels: str = "") -> list[Obj]:
    """Waits until so many pods run."""

    async def listed() -> tuple[list[Obj]] | None:
        found = (await c.client.list(kinds.POD, ns, labels=labels)).items
        run = [pod for pod in found if pod.get("status", {}).get("phase") == "Running"]
        return (run,) if len(run) == number else None

    [found] = await until(f"{number} pods run", listed)
    return list(found)
