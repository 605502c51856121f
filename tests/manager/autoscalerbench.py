"""A target with pods and metrics that the plan of the HorizontalPodAutoscaler is asked about every 15 seconds; what it
writes comes true at once. Times are real durations; no server is needed for arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj
from pybernetes.control.definition import Settings
from pybernetes.control.plan import Report, Update
from pybernetes.controllers.horizontalpodautoscaler import plan as hpa
from pybernetes.controllers.horizontalpodautoscaler.behavior import Memory
from pybernetes.controllers.horizontalpodautoscaler.samples import Reading, Sample
from pybernetes.controllers.horizontalpodautoscaler.target import Seen, needs_metrics
from pybernetes.lang.timestamps import rfc3339

START = 1_790_000_000.0
PERIOD = 15.0
SETTINGS = Settings()
CPU: Obj = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 100}}}


def resource(name: str = "cpu", **target: Any) -> Obj:
    return {"type": "Resource", "resource": {"name": name, "target": target}}


def of_container(container: str, **target: Any) -> Obj:
    return {
        "type": "ContainerResource",
        "containerResource": {"name": "cpu", "container": container, "target": target},
    }


def of_pods(**target: Any) -> Obj:
    return {"type": "Pods", "pods": {"metric": {"name": "rate"}, "target": target}}


def of_object(**target: Any) -> Obj:
    about = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "main"}
    return {
        "type": "Object",
        "object": {"metric": {"name": "hits"}, "describedObject": about, "target": target},
    }


def external(**target: Any) -> Obj:
    metric = {"name": "queue", "selector": {"matchLabels": {"topic": "a"}}}
    return {"type": "External", "external": {"metric": metric, "target": target}}


def running(
    name: str, *, started: float = 3600.0, ready: bool = True, since: float | None = None, **more: Any
) -> Obj:
    """A pod that asks for 100m of CPU, started (and became as ready as it is) so many seconds before `START`."""
    entry = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "lastTransitionTime": rfc3339(START - (started if since is None else since)),
    }
    spec = {"containers": [{"name": "c", "resources": {"requests": {"cpu": "100m", "memory": "1k"}}}]}
    status = {"phase": "Running", "startTime": rfc3339(START - started), "conditions": [entry]}
    made: dict[str, Any] = {
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": {**spec, **more.pop("spec", {})},
        "status": {**status, **more.pop("status", {})},
    }
    made["metadata"].update(more)
    return made


def many(count: int) -> list[Obj]:
    return [running(f"p{number}") for number in range(count)]


def samples(*millis: int | None, at: float = START) -> Reading:
    """Of the pods p0, p1, …; None for one without a sample."""
    found = {f"p{n}": Sample(milli, at) for n, milli in enumerate(millis) if milli is not None}
    return Reading(found) if found else Reading(error="no metrics returned from resource metrics API")


def autoscaler(*metrics: Obj, least: int | None = 1, most: int = 1000, **spec: Any) -> Obj:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    limits = {} if least is None else {"minReplicas": least}
    full = {"scaleTargetRef": target, **limits, "maxReplicas": most, "metrics": list(metrics), **spec}
    made = new_object(kinds.HORIZONTALPODAUTOSCALER, "web", "default", spec=full)
    return {**made, "metadata": {**made["metadata"], "uid": "u"}}


@dataclass
class Bench:
    autoscaler: Obj
    replicas: int
    readings: tuple[Reading, ...] = ()
    pods: list[Obj] | None = None
    now: float = START
    memory: Memory | None = None
    told: list[tuple[str, str]] = field(default_factory=list)

    def look(self) -> int:
        """One look of the controller; how many replicas there are afterwards."""
        pods = many(self.replicas) if self.pods is None else self.pods
        status = {"replicas": self.replicas, "selector": "app=web"}
        scale = {
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": self.replicas},
            "status": status,
        }
        readings = self.readings if needs_metrics(self.autoscaler, scale) else ()
        described = tuple(None for _ in self.autoscaler["spec"]["metrics"])
        seen = Seen(
            self.autoscaler,
            kinds.DEPLOYMENT,
            described,
            pods,
            (),
            scale,
            readings=readings,
            memory=self.memory,
        )
        decided = hpa.plan(seen, self.now, SETTINGS)
        self.memory = decided.memory
        for step in decided.steps:
            if isinstance(step, Report):
                self.told.append((step.reason, step.message))
            elif isinstance(step, Update) and step.subresource == "scale":
                self.replicas = step.obj["spec"]["replicas"]
                assert step.success is not None
                self.told.append((step.success.reason, step.success.message))
            elif isinstance(step, Update):
                self.autoscaler = step.obj
        return self.look() if decided.after == 0.0 else self.replicas

    def conditions(self) -> dict[str, tuple[str, str]]:
        found = self.autoscaler.get("status", {}).get("conditions") or ()
        return {entry["type"]: (entry["status"], entry["reason"]) for entry in found}

    def uniform(self, milli: int) -> None:
        """Every pod uses so much CPU, measured now."""
        found = {f"p{number}": Sample(milli, self.now) for number in range(self.replicas)}
        self.readings = (Reading(found),)

    def run(self, seconds: float, wanted: Callable[[float], int]) -> list[int]:
        """Looks for so long; `wanted(seconds since the beginning)` is how many replicas the load asks for."""
        begin, found = self.now, []
        while self.now - begin < seconds:
            self.readings = (Reading(value=wanted(self.now - begin) * 1000),)
            found.append(self.look())
            self.now += PERIOD
        return found


def pods_policy(value: int, seconds: int) -> Obj:
    return {"type": "Pods", "value": value, "periodSeconds": seconds}


def percent(value: int, seconds: int) -> Obj:
    return {"type": "Percent", "value": value, "periodSeconds": seconds}


NOW: Obj = {"stabilizationWindowSeconds": 0}
BROKEN = Reading(error="gone")
