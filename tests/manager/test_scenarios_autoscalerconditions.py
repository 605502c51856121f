"""What HorizontalPodAutoscalers say of themselves, how targets sleep and wake (KEP-2021), and metrics from outside."""

from __future__ import annotations

import pytest
from autoscalerbench import (
    BROKEN,
    CPU,
    NOW,
    PERIOD,
    START,
    Bench,
    autoscaler,
    external,
    of_container,
    of_object,
    of_pods,
    pods_policy,
    resource,
    samples,
)
from test_manager_horizontalpodautoscaler import SCHEMA, asking, conditions, size
from world import World, play

from pybernetes.api import kinds
from pybernetes.api.kind import Kind, new_object
from pybernetes.api.meta import Obj
from pybernetes.controllers.horizontalpodautoscaler.samples import Reading
from pybernetes.lang.timestamps import rfc3339

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
