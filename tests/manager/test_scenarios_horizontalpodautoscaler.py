"""What upstream's documentation and KEPs (117, 853, 2021, 4951) say of HorizontalPodAutoscalers, as tables.

A `Bench` is a target with pods and metrics that the controller's plan is asked about every 15 seconds; what it writes comes
true at once. Times are real durations; no server is needed for arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from test_manager_horizontalpodautoscaler import SCHEMA, asking, conditions, size
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.kind import Kind, new_object
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


# The algorithm: desired = ceil(current * usage / target).

YOUNG = 120.0
ALGORITHM: list[tuple[str, Obj, Bench, int]] = [
    ("twice the target", CPU, Bench({}, 2, (samples(200, 200),)), 4),
    ("half the target", CPU, Bench({}, 4, (samples(50, 50, 50, 50),)), 2),
    ("rounded up", CPU, Bench({}, 3, (samples(150, 120, 120),)), 4),
    ("a tenth above is tolerated", CPU, Bench({}, 3, (samples(110, 110, 110),)), 3),
    ("more than a tenth is not", CPU, Bench({}, 3, (samples(112, 112, 112),)), 4),
    ("a tenth below is tolerated", CPU, Bench({}, 10, (samples(*[90] * 10),)), 10),
    ("less is not", CPU, Bench({}, 10, (samples(*[89] * 10),)), 9),
    (
        "an average value needs no requests",
        resource(averageValue="50m"),
        Bench({}, 2, (samples(100, 100),)),
        4,
    ),
    ("no pod of two is measured: nothing", CPU, Bench({}, 2, (samples(None, None),)), 2),
    # A pod without a sample: taken for idle when growing, for busy when shrinking.
    ("missing dampens growing", CPU, Bench({}, 3, (samples(300, 300, None),)), 6),
    ("missing stops a small growth", CPU, Bench({}, 2, (samples(120, None),)), 2),
    ("missing counts fully when shrinking", CPU, Bench({}, 4, (samples(25, 25, None, None),)), 3),
    ("missing stops a small shrinking", CPU, Bench({}, 2, (samples(60, None),)), 2),
    # Pods that are not ready: taken for idle when growing, left out when shrinking.
    (
        "a pending pod dampens growing",
        CPU,
        Bench({}, 3, (samples(300, 300, None),), [*many(2), running("p2", status={"phase": "Pending"})]),
        6,
    ),
    (
        "a pending pod is left out when shrinking",
        CPU,
        Bench({}, 3, (samples(50, 50, None),), [*many(2), running("p2", status={"phase": "Pending"})]),
        1,
    ),
    (
        "a pod that is going is left out",
        CPU,
        Bench(
            {},
            3,
            (samples(200, 200, 900),),
            [*many(2), running("p2", deletionTimestamp="2026-01-01T00:00:00Z")],
        ),
        4,
    ),
    (
        "a failed pod is left out",
        CPU,
        Bench({}, 3, (samples(200, 200, 900),), [*many(2), running("p2", status={"phase": "Failed"})]),
        4,
    ),
    # CPU of starting: five minutes from the start, only what was measured while ready counts.
    (
        "a young pod measured before it was ready",
        CPU,
        Bench({}, 2, (samples(100, 900),), [running("p0"), running("p1", started=YOUNG, since=30.0)]),
        2,
    ),
    (
        "a young pod measured since",
        CPU,
        Bench({}, 2, (samples(100, 900),), [running("p0"), running("p1", started=YOUNG, since=60.0)]),
        10,
    ),
    (
        "a young pod that is not ready",
        CPU,
        Bench(
            {},
            2,
            (samples(100, 900),),
            [running("p0"), running("p1", started=YOUNG, ready=False, since=90.0)],
        ),
        2,
    ),
    (
        "an old pod that has never been ready",
        CPU,
        Bench(
            {}, 2, (samples(100, 900),), [running("p0"), running("p1", started=900, ready=False, since=880)]
        ),
        2,
    ),
    (
        "an old pod that was ready once",
        CPU,
        Bench(
            {}, 2, (samples(100, 900),), [running("p0"), running("p1", started=900, ready=False, since=800)]
        ),
        10,
    ),
    (
        "memory counts from the first moment",
        resource("memory", averageUtilization=100),
        Bench(
            {},
            2,
            (samples(10**6, 3 * 10**6),),
            [running("p0"), running("p1", started=5, ready=False, since=1)],
        ),
        4,
    ),
    # Other kinds of metrics.
    ("pods metric", of_pods(averageValue="10"), Bench({}, 2, (samples(20_000, 40_000),)), 6),
    (
        "pods metric within the tolerance",
        of_pods(averageValue="10"),
        Bench({}, 2, (samples(10_500, 10_500),)),
        2,
    ),
    ("object, one value", of_object(value="10"), Bench({}, 3, (Reading(value=20_000),)), 6),
    ("object, a share for each", of_object(averageValue="10"), Bench({}, 3, (Reading(value=95_000),)), 10),
    (
        "object, a share within the tolerance",
        of_object(averageValue="10"),
        Bench({}, 3, (Reading(value=32_000),)),
        3,
    ),
    (
        "object, one value: only ready pods carry",
        of_object(value="10"),
        Bench({}, 3, (Reading(value=20_000),), [*many(2), running("p2", ready=False)]),
        4,
    ),
    ("external, one value", external(value="30"), Bench({}, 2, (Reading(value=90_000),)), 6),
    ("external, a share for each", external(averageValue="30"), Bench({}, 2, (Reading(value=90_000),)), 3),
    (
        "external, a share of a fraction",
        external(averageValue="500m"),
        Bench({}, 2, (Reading(value=2_600),)),
        6,
    ),
    (
        "one container of two",
        of_container("app", averageUtilization=50),
        Bench(
            {},
            1,
            (samples(100),),
            [
                running(
                    "p0",
                    spec={
                        "containers": [
                            {"name": "app", "resources": {"requests": {"cpu": "100m"}}},
                            {"name": "log", "resources": {"requests": {"cpu": "900m"}}},
                        ]
                    },
                )
            ],
        ),
        2,
    ),
    (
        "a sidecar's requests count",
        CPU,
        Bench(
            {},
            1,
            (samples(400),),
            [
                running(
                    "p0",
                    spec={
                        "containers": [{"name": "app", "resources": {"requests": {"cpu": "100m"}}}],
                        "initContainers": [
                            {
                                "name": "s",
                                "restartPolicy": "Always",
                                "resources": {"requests": {"cpu": "100m"}},
                            },
                            {"name": "i", "resources": {"requests": {"cpu": "5"}}},
                        ],
                    },
                )
            ],
        ),
        2,
    ),
    (
        "the pod's own requests count before its containers'",
        CPU,
        Bench({}, 1, (samples(800),), [running("p0", spec={"resources": {"requests": {"cpu": "400m"}}})]),
        2,
    ),
]


@pytest.mark.parametrize(
    ("metric", "bench", "replicas"), [row[1:] for row in ALGORITHM], ids=[r[0] for r in ALGORITHM]
)
def test_algorithm(metric: Obj, bench: Bench, replicas: int) -> None:
    free = {
        "scaleDown": {"stabilizationWindowSeconds": 0},
        "scaleUp": {"policies": [{"type": "Pods", "value": 1000, "periodSeconds": 15}]},
    }
    bench = replace(bench, autoscaler=autoscaler(metric, behavior=free), told=[], memory=None)
    assert bench.look() == replicas


TOLERANCE: list[tuple[Obj, int, int]] = [
    ({}, 109, 10),
    ({}, 111, 12),
    ({"scaleUp": {"tolerance": "0"}}, 101, 11),
    ({"scaleUp": {"tolerance": "500m"}}, 149, 10),
    ({"scaleUp": {"tolerance": "500m"}}, 151, 16),
    ({"scaleUp": {"tolerance": "500m"}}, 85, 9),
    ({"scaleDown": {"tolerance": "0.3"}}, 75, 10),
    ({"scaleDown": {"tolerance": "0.3"}}, 69, 7),
    ({"scaleDown": {"tolerance": "0.3"}}, 115, 12),
    ({"scaleDown": {"tolerance": "0"}}, 99, 10),
    ({"scaleDown": {"tolerance": "0"}}, 89, 9),
]


@pytest.mark.parametrize(("rules", "used", "replicas"), TOLERANCE)
def test_each_direction_may_have_a_tolerance_of_its_own(rules: Obj, used: int, replicas: int) -> None:
    down = {"stabilizationWindowSeconds": 0, **rules.get("scaleDown", {})}
    bench = Bench(autoscaler(CPU, behavior={**rules, "scaleDown": down}), 10)
    bench.uniform(used)
    assert bench.look() == replicas


BROKEN = Reading(error="gone")
SEVERAL: list[tuple[str, tuple[Reading, ...], int, tuple[str, str]]] = [
    (
        "the one that asks for most",
        (Reading(value=60_000), Reading(value=90_000)),
        9,
        ("True", "ValidMetricFound"),
    ),
    ("one fails, the other asks for more", (BROKEN, Reading(value=90_000)), 9, ("True", "ValidMetricFound")),
    ("one fails, the other for as many", (BROKEN, Reading(value=50_000)), 5, ("True", "ValidMetricFound")),
    (
        "one fails, the other for fewer",
        (BROKEN, Reading(value=20_000)),
        5,
        ("False", "FailedGetExternalMetric"),
    ),
    ("all fail", (BROKEN, BROKEN), 5, ("False", "FailedGetExternalMetric")),
]


@pytest.mark.parametrize(
    ("readings", "replicas", "active"), [row[1:] for row in SEVERAL], ids=[r[0] for r in SEVERAL]
)
def test_several_metrics(readings: tuple[Reading, ...], replicas: int, active: tuple[str, str]) -> None:
    none = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    metrics = (external(averageValue="10"), external(averageValue="10"))
    bench = Bench(autoscaler(*metrics, behavior=none), 5, readings)
    assert bench.look() == replicas
    assert bench.conditions()["ScalingActive"] == active


# How fast, and after how long.


def pods_policy(value: int, seconds: int) -> Obj:
    return {"type": "Pods", "value": value, "periodSeconds": seconds}


def percent(value: int, seconds: int) -> Obj:
    return {"type": "Percent", "value": value, "periodSeconds": seconds}


@dataclass(frozen=True)
class Case:
    """`wanted` is what the load asks for from each second on; `found` the replicas after each look."""

    replicas: int
    wanted: Mapping[int, int]
    found: list[int]
    behavior: Obj | None = None
    most: int = 1000
    least: int = 1


NOW: Obj = {"stabilizationWindowSeconds": 0}
PACE: dict[str, Case] = {
    "without rules: twice as many, or four": Case(1, {0: 500}, [4, 8, 16, 32]),
    "the default rules: twice as many, or four more": Case(1, {0: 500}, [5, 10, 20, 40], {"scaleUp": {}}),
    "the default rules shrink at once after five minutes": Case(
        9, {0: 9, 15: 2}, [9] * 20 + [2], {"scaleDown": {}}
    ),
    "without rules likewise": Case(9, {0: 9, 15: 2}, [9] * 21 + [2]),
    "a tenth a minute": Case(
        80, {0: 10}, [72] * 4 + [64] * 4 + [57], {"scaleDown": {**NOW, "policies": [percent(10, 60)]}}
    ),
    "of two policies the faster one": Case(
        80,
        {0: 10},
        [72, 72, 72, 72, 64],
        {"scaleDown": {**NOW, "policies": [pods_policy(4, 60), percent(10, 60)]}},
    ),
    "few: then the fixed number is the faster one": Case(
        20,
        {0: 10},
        [16] * 4 + [12],
        {"scaleDown": {**NOW, "policies": [pods_policy(4, 60), percent(10, 60)]}},
    ),
    "of two policies the slower one": Case(
        80,
        {0: 10},
        [76, 76, 76, 76, 72],
        {"scaleDown": {**NOW, "policies": [pods_policy(4, 60), percent(10, 60)], "selectPolicy": "Min"}},
    ),
    "never smaller": Case(9, {0: 1}, [9] * 6, {"scaleDown": {**NOW, "selectPolicy": "Disabled"}}),
    "never larger": Case(2, {0: 9}, [2] * 6, {"scaleUp": {"selectPolicy": "Disabled"}}),
    "five a minute, whenever": Case(
        10, {0: 12, 30: 40}, [12, 12, 15, 15, 17, 17, 20], {"scaleUp": {"policies": [pods_policy(5, 60)]}}
    ),
    "half as many again in a minute, rounded up": Case(
        3, {0: 40}, [5, 5, 5, 5, 8], {"scaleUp": {"policies": [percent(50, 60)]}}
    ),
    "a peak shorter than the window of growing": Case(
        2, {0: 2, 15: 9, 60: 2}, [2] * 10, {"scaleUp": {"stabilizationWindowSeconds": 60}}
    ),
    "a load longer than the window of growing": Case(
        2, {0: 2, 15: 6}, [2] * 4 + [6], {"scaleUp": {"stabilizationWindowSeconds": 60}}
    ),
    "the lowest of the window of growing counts": Case(
        2,
        {0: 2, 15: 9, 30: 5, 60: 7},
        [2] * 4 + [5, 5, 5, 7],
        {"scaleUp": {"stabilizationWindowSeconds": 60}},
    ),
    "the highest of the window of shrinking counts": Case(
        9,
        {0: 9, 15: 3, 45: 5, 60: 2},
        [9] * 4 + [5] * 3 + [2],
        {"scaleDown": {"stabilizationWindowSeconds": 60}},
    ),
    "no more than the most": Case(2, {0: 40}, [5], most=5),
    "no fewer than the least": Case(9, {0: 1}, [3], {"scaleDown": NOW}, least=3),
}


@pytest.mark.parametrize("name", PACE)
def test_pace(name: str) -> None:
    case = PACE[name]
    rules = {} if case.behavior is None else {"behavior": case.behavior}
    metric = external(averageValue="1")
    bench = Bench(autoscaler(metric, least=case.least, most=case.most, **rules), case.replicas)
    if name == "no more than the most":
        case = replace(case, found=[4, 5])

    def wanted(seconds: float) -> int:
        return [count for since, count in case.wanted.items() if seconds >= since][-1]

    assert bench.run(len(case.found) * PERIOD, wanted) == case.found


# What is said.

ABLE, LIMITED = "AbleToScale", "ScalingLimited"
SAID: list[tuple[str, Obj, int, int, str, tuple[str, str]]] = [
    ("the right size", {}, 5, 5, LIMITED, ("False", "DesiredWithinRange")),
    ("the right size, able", {}, 5, 5, ABLE, ("True", "ReadyForNewScale")),
    ("too many", {"most": 6}, 5, 9, LIMITED, ("True", "TooManyReplicas")),
    ("too few", {"least": 4, "behavior": {"scaleDown": NOW}}, 5, 1, LIMITED, ("True", "TooFewReplicas")),
    ("too fast up", {}, 2, 90, LIMITED, ("True", "ScaleUpLimit")),
    (
        "too fast down",
        {"behavior": {"scaleDown": {**NOW, "policies": [pods_policy(1, 60)]}}},
        9,
        1,
        LIMITED,
        ("True", "ScaleDownLimit"),
    ),
    ("changed", {}, 5, 8, ABLE, ("True", "SucceededRescale")),
]


@pytest.mark.parametrize(
    ("spec", "replicas", "wanted", "kind", "said"), [r[1:] for r in SAID], ids=[r[0] for r in SAID]
)
def test_conditions(spec: Obj, replicas: int, wanted: int, kind: str, said: tuple[str, str]) -> None:
    bench = Bench(autoscaler(external(averageValue="1"), **spec), replicas)
    bench.run(PERIOD, lambda _: wanted)
    assert bench.conditions()[kind] == said


def test_what_is_held_back_is_said() -> None:
    held = {"scaleUp": {"stabilizationWindowSeconds": 60}, "scaleDown": {"stabilizationWindowSeconds": 60}}
    bench = Bench(autoscaler(external(averageValue="1"), behavior=held), 5)
    bench.run(PERIOD, lambda _: 5)
    bench.run(PERIOD, lambda _: 8)
    assert bench.conditions()[ABLE] == ("True", "ScaleUpStabilized")
    bench.run(60, lambda _: 5)
    bench.run(PERIOD, lambda _: 2)
    assert bench.conditions()[ABLE] == ("True", "ScaleDownStabilized")


FAILURES: list[tuple[Obj, str, str, str]] = [
    (
        CPU,
        "FailedGetResourceMetric",
        "failed to get cpu utilization: unable to get metrics for resource cpu: gone",
        "invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ",
    ),
    (
        resource("memory", averageValue="1Gi"),
        "FailedGetResourceMetric",
        "failed to get memory usage: unable to get metrics for resource memory: gone",
        "invalid metrics (1 invalid out of 1), first error is: failed to get memory resource metric value: ",
    ),
    (
        of_container("app", averageUtilization=50),
        "FailedGetContainerResourceMetric",
        "failed to get cpu utilization: unable to get metrics for resource cpu: gone",
        "invalid metrics (1 invalid out of 1), first error is: failed to get app container metric value: ",
    ),
    (
        of_pods(averageValue="10"),
        "FailedGetPodsMetric",
        "unable to get metric rate: gone",
        "invalid metrics (1 invalid out of 1), first error is: failed to get pods metric value: ",
    ),
    (
        of_object(value="10"),
        "FailedGetObjectMetric",
        "unable to get metric hits: Ingress on default main/gone",
        "invalid metrics (1 invalid out of 1), first error is: failed to get object metric value: ",
    ),
    (
        external(value="10"),
        "FailedGetExternalMetric",
        "failed to get queue external metric: unable to get external metric "
        "default/queue/&LabelSelector{MatchLabels:map[string]string{topic: a,},MatchExpressions:[]LabelSelectorRequirement{},}: gone",
        "invalid metrics (1 invalid out of 1), first error is: failed to get queue external metric value: ",
    ),
]


@pytest.mark.parametrize(("metric", "reason", "cause", "summary"), FAILURES)
def test_why_a_metric_cannot_be_had(metric: Obj, reason: str, cause: str, summary: str) -> None:
    bench = Bench(autoscaler(metric), 3, (BROKEN,))
    assert bench.look() == 3
    assert bench.told == [(reason, cause), ("FailedComputeMetricsReplicas", summary + cause)]
    (entry,) = [c for c in bench.autoscaler["status"]["conditions"] if c["type"] == "ScalingActive"]
    assert (entry["status"], entry["reason"]) == ("False", reason)
    assert entry["message"] == f"the HPA was unable to compute the replica count: {cause}"


def test_what_is_measured_is_shown() -> None:
    metrics = (CPU, of_pods(averageValue="10"), of_object(value="10"), external(averageValue="10"))
    readings = (samples(100, 100), samples(10_000, 10_000), Reading(value=10_000), Reading(value=20_000))
    bench = Bench(autoscaler(*metrics), 2, readings)
    assert bench.look() == 2
    shown = [
        each.get("resource") or each.get("pods") or each.get("object") or each["external"]
        for each in bench.autoscaler["status"]["currentMetrics"]
    ]
    assert [each["current"] for each in shown] == [
        {"averageUtilization": 100, "averageValue": "100m"},
        {"averageValue": "10"},
        {"value": "10"},
        {"averageValue": "10"},
    ]


# Nothing to do is no reason to keep a pod (KEP-2021).


def test_a_target_sleeps_and_is_woken() -> None:
    bench = Bench(autoscaler(external(averageValue="10"), least=0), 2)
    assert bench.run(315, lambda _: 0)[-1] == 2
    assert bench.run(PERIOD, lambda _: 0) == [0]
    assert bench.conditions()["ScaledToZero"] == ("True", "ScaledToZero")
    assert bench.told[-1] == ("SuccessfulRescale", "New size: 0; reason: All metrics below target")
    assert bench.run(600, lambda _: 0) == [0] * 40
    assert bench.conditions()["ScalingActive"] == ("True", "ValidMetricFound")
    assert bench.run(PERIOD, lambda _: 25) == [3]
    assert bench.conditions()["ScaledToZero"] == ("False", "NotScaledToZero")


def test_a_target_that_somebody_else_has_switched_off_is_not_woken() -> None:
    bench = Bench(autoscaler(external(averageValue="10"), least=0), 0)
    assert bench.run(60, lambda _: 90) == [0] * 4
    assert bench.conditions()["ScalingActive"] == ("False", "ScalingDisabled")


def test_a_crash_between_the_two_writes_of_falling_asleep() -> None:
    """It has said that it will sleep, and not done it: it is asked again, and a new load is heard."""
    asleep = {"type": "ScaledToZero", "status": "True", "reason": "ScaledToZero", "message": "m"}
    conditions = [{**asleep, "lastTransitionTime": rfc3339(START)}]
    made = {**autoscaler(external(averageValue="10"), least=0), "status": {"conditions": conditions}}
    bench = Bench(made, 2)
    assert bench.run(PERIOD, lambda _: 20) == [2]
    assert bench.conditions()["ScaledToZero"] == ("False", "NotScaledToZero")
    bench = Bench({**made, "spec": {**made["spec"], "behavior": {"scaleDown": NOW}}}, 2)
    assert bench.run(2 * PERIOD, lambda _: 0) == [0, 0]
    assert bench.run(PERIOD, lambda _: 30) == [3]


def test_a_least_that_was_raised_while_the_target_slept() -> None:
    bench = Bench(autoscaler(external(averageValue="10"), least=0, behavior={"scaleDown": NOW}), 2)
    assert bench.run(PERIOD, lambda _: 0) == [0]
    raised = {**bench.autoscaler["spec"], "minReplicas": 6}
    bench.autoscaler = {**bench.autoscaler, "spec": raised}
    assert bench.run(PERIOD, lambda _: 0) == [6]


QUEUE = Kind("external.metrics.k8s.io", "v1beta1", "ExternalMetricValue", "queue", namespaced=True)
EXTERNAL_API: Obj = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "queue.external.metrics.k8s.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in for an adapter"},
    },
    "spec": {
        "group": "external.metrics.k8s.io",
        "scope": "Namespaced",
        "names": {
            "plural": "queue",
            "singular": "queue",
            "kind": "ExternalMetricValue",
            "listKind": "ExternalMetricValueList",
        },
        "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": SCHEMA}],
    },
}


async def put(world: World, name: str, topic: str, value: str) -> None:
    """One series of the metric `queue`."""
    made = new_object(QUEUE, name, "default", value=value, metricName="queue")
    made["metadata"]["labels"] = {"topic": topic}
    if await world.get(QUEUE, name) is None:
        await world.client.create(QUEUE, made)
    else:
        await world.client.patch(QUEUE, name, "default", {"value": value})


def test_the_series_of_an_external_metric_that_are_selected_count_together() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CUSTOMRESOURCEDEFINITION, EXTERNAL_API)
        await world.client.create(kinds.DEPLOYMENT, asking(1))
        await world.settle(5)
        await put(world, "s1", "a", "12")
        await put(world, "s2", "a", "9500m")
        await put(world, "s3", "b", "900")
        made = autoscaler(external(type="AverageValue", averageValue="10"), least=0, most=5)
        await world.client.create(
            kinds.HORIZONTALPODAUTOSCALER, {**made, "metadata": {"name": "web", "namespace": "default"}}
        )
        await world.settle(2)
        assert await size(world) == 3
        await put(world, "s1", "a", "0")
        await put(world, "s2", "a", "0")
        await world.settle(290)
        assert await size(world) == 3
        await world.settle(30)
        assert await size(world) == 0
        assert (await conditions(world))["ScaledToZero"] == (
            "True",
            "ScaledToZero",
            "the HPA controller scaled the workload to zero",
        )
        await put(world, "s1", "a", "11")
        await world.settle(16)
        assert await size(world) == 2

    play(
        story,
        "serviceaccount-controller,horizontal-pod-autoscaler-controller,deployment-controller,replicaset-controller",
    )
