"""HorizontalPodAutoscalers through a real API server in virtual time; the metrics API is a custom resource here."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, deployment, play

from pybernetes.api import kinds
from pybernetes.api.errors import Conflict
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, labels_of, name_of, namespace_of
from pybernetes.control.definition import Settings
from pybernetes.control.plan import Report, Update
from pybernetes.controllers.horizontalpodautoscaler import plan as hpa
from pybernetes.controllers.horizontalpodautoscaler.metrics import POD_METRICS
from pybernetes.controllers.horizontalpodautoscaler.target import Seen
from pybernetes.lang.timestamps import rfc3339

SCHEMA = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
METRICS_API = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "pods.metrics.k8s.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in for metrics-server"},
    },
    "spec": {
        "group": "metrics.k8s.io",
        "scope": "Namespaced",
        "names": {"plural": "pods", "singular": "pod", "kind": "PodMetrics", "listKind": "PodMetricsList"},
        "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": SCHEMA}],
    },
}


def autoscaler(name: str = "web", least: int = 1, most: int = 10, cpu: int = 50, **spec: Any) -> Obj:
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": cpu}},
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    full = {
        "scaleTargetRef": target,
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [metric],
        **spec,
    }
    return new_object(kinds.HORIZONTALPODAUTOSCALER, name, "default", spec=full)


def asking(replicas: int, cpu: str | None = "100m") -> Obj:
    made = deployment(replicas=replicas)
    requests = {"resources": {"requests": {"cpu": cpu}}} if cpu else {}
    container = {"name": "c", "image": "nginx:1", **requests}
    template = {**made["spec"]["template"], "spec": {"containers": [container]}}
    return {**made, "spec": {**made["spec"], "template": template}}


class Load:
    """What every pod uses; a stand-in for metrics-server tells it every few seconds."""

    def __init__(self, world: World, cpu: str) -> None:
        self.cpu = cpu
        self._world = world
        world.start(self._measure())

    async def _measure(self) -> None:
        world = self._world
        while True:
            pods = {name_of(pod): pod for pod in await world.all(kinds.POD)}
            known = {name_of(each): each for each in await world.all(POD_METRICS)}
            for name, pod in pods.items():
                values = {
                    "timestamp": rfc3339(world.env.now()),
                    "window": "15s",
                    "containers": [{"name": "c", "usage": {"cpu": self.cpu}}],
                }
                if name in known:
                    await world.client.patch(POD_METRICS, name, namespace_of(pod), values)
                else:
                    made = new_object(POD_METRICS, name, "default", **values)
                    metadata = {**made["metadata"], "labels": dict(labels_of(pod))}
                    await world.client.create(POD_METRICS, {**made, "metadata": metadata})
            for name in known.keys() - pods.keys():
                await world.client.delete(POD_METRICS, name, "default")
            await world.settle(5)


async def start(world: World, replicas: int, cpu: str, **rules: Any) -> Load:
    await world.client.create(kinds.CUSTOMRESOURCEDEFINITION, METRICS_API)
    await world.client.create(kinds.DEPLOYMENT, asking(replicas))
    await world.settle(5)
    await started(world)
    load = Load(world, cpu)
    await world.settle(400)  # the pods have long been up
    await world.client.create(kinds.HORIZONTALPODAUTOSCALER, autoscaler(**rules))
    return load


async def started(world: World) -> None:
    for pod in await world.all(kinds.POD):
        since = {"status": {"startTime": pod["metadata"]["creationTimestamp"]}}
        await world.client.patch(kinds.POD, name_of(pod), "default", since, subresource="status")


async def size(world: World) -> int:
    found = await world.client.get(kinds.DEPLOYMENT, "web", "default")
    return int(found["spec"]["replicas"])


async def status(world: World, name: str = "web") -> Obj:
    found = await world.client.get(kinds.HORIZONTALPODAUTOSCALER, name, "default")
    return found["status"]  # type: ignore[no-any-return]


async def conditions(world: World, name: str = "web") -> dict[str, tuple[str, str, str]]:
    return {
        c["type"]: (c["status"], c["reason"], c["message"]) for c in (await status(world, name))["conditions"]
    }


async def told(world: World) -> dict[str, str]:
    """By reason, the latest message."""
    events = sorted(await world.all(kinds.EVENT), key=lambda event: str(event["lastTimestamp"]))
    return {event["reason"]: event["message"] for event in events}


def test_load_brings_pods_and_their_going_waits_five_minutes() -> None:
    async def story(world: World) -> None:
        load = await start(world, 2, "100m")
        await world.settle(2)
        assert await size(world) == 4
        assert (await told(world))["SuccessfulRescale"] == (
            "New size: 4; reason: cpu resource utilization (percentage of request) above target"
        )
        seen = await status(world)
        assert (seen["currentReplicas"], seen["desiredReplicas"]) == (2, 4)
        assert seen["currentMetrics"] == [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "current": {"averageUtilization": 100, "averageValue": "100m"}},
            }
        ]
        assert (await conditions(world))["AbleToScale"] == (
            "True",
            "SucceededRescale",
            "the HPA controller was able to update the target scale to 4",
        )
        load.cpu = "10m"
        await world.settle(5)
        await started(world)
        await world.settle(200)
        assert await size(world) == 4
        assert (await conditions(world))["AbleToScale"][1] == "ScaleDownStabilized"
        await world.settle(150)
        assert await size(world) == 1
        assert (await told(world))["SuccessfulRescale"] == "New size: 1; reason: All metrics below target"
        await world.settle(20)
        found = await conditions(world)
        assert found["AbleToScale"][1] == "ReadyForNewScale"
        assert found["ScalingActive"] == (
            "True",
            "ValidMetricFound",
            "the HPA was able to successfully calculate a replica count from "
            "cpu resource utilization (percentage of request)",
        )
        assert found["ScalingLimited"][:2] == ("False", "DesiredWithinRange")

    play(story)


def test_the_most_is_the_most_and_growing_takes_its_time() -> None:
    async def story(world: World) -> None:
        await start(world, 1, "800m", most=10)
        await world.settle(2)
        assert await size(world) == 4
        assert (await conditions(world))["ScalingLimited"][:2] == ("True", "ScaleUpLimit")
        for _ in range(20):
            await world.settle(5)
            await started(world)
        await world.settle(400)
        await started(world)
        await world.settle(60)
        assert await size(world) == 10
        assert (await conditions(world))["ScalingLimited"][:2] == ("True", "TooManyReplicas")

    play(story)


def test_a_window_for_shrinking_may_be_none_and_steps_are_paced() -> None:
    rules = {
        "scaleDown": {
            "stabilizationWindowSeconds": 0,
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
        }
    }

    async def story(world: World) -> None:
        await start(world, 5, "1m", behavior=rules)
        await world.settle(2)
        assert await size(world) == 4
        assert (await conditions(world))["ScalingLimited"][:2] == ("True", "ScaleDownLimit")
        await world.settle(40)
        assert await size(world) == 4
        await world.settle(30)
        assert await size(world) == 3

    play(story)


def test_limits_hold_without_any_metric() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, asking(2))
        await world.client.create(kinds.HORIZONTALPODAUTOSCALER, autoscaler(least=3, most=5))
        await world.settle(2)
        assert await size(world) == 3
        assert (await told(world))["SuccessfulRescale"] == (
            "New size: 3; reason: Current number of replicas below Spec.MinReplicas"
        )
        await world.change(kinds.DEPLOYMENT, "web", {"replicas": 8})
        await world.settle(20)
        assert await size(world) == 5
        assert (await told(world))["SuccessfulRescale"] == (
            "New size: 5; reason: Current number of replicas above Spec.MaxReplicas"
        )

    play(story)


def test_a_target_of_size_zero_is_left_alone() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, asking(0))
        await world.client.create(kinds.HORIZONTALPODAUTOSCALER, autoscaler())
        await world.settle(20)
        assert await size(world) == 0
        assert (await conditions(world))["ScalingActive"] == (
            "False",
            "ScalingDisabled",
            "scaling is disabled since the replica count of the target is zero",
        )

    play(story)


def test_without_a_metrics_api_it_is_said_why_nothing_happens() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.DEPLOYMENT, asking(2))
        await world.client.create(kinds.HORIZONTALPODAUTOSCALER, autoscaler())
        await world.settle(20)
        assert await size(world) == 2
        state, reason, message = (await conditions(world))["ScalingActive"]
        assert (state, reason) == ("False", "FailedGetResourceMetric")
        cause = (
            "failed to get cpu utilization: unable to get metrics for resource cpu: "
            "unable to fetch metrics from resource metrics API: "
        )
        assert message.startswith(f"the HPA was unable to compute the replica count: {cause}")
        events = await told(world)
        assert events["FailedGetResourceMetric"].startswith(cause)
        assert events["FailedComputeMetricsReplicas"].startswith(
            f"invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: {cause}"
        )

    play(story)


def test_pods_that_request_nothing_cannot_be_measured_in_percent() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.CUSTOMRESOURCEDEFINITION, METRICS_API)
        await world.client.create(kinds.DEPLOYMENT, asking(1, cpu=None))
        await world.settle(5)
        await started(world)
        Load(world, "5m")
        await world.settle(400)
        await world.client.create(kinds.HORIZONTALPODAUTOSCALER, autoscaler())
        await world.settle(2)
        (pod,) = await world.all(kinds.POD)
        assert (await conditions(world))["ScalingActive"][2] == (
            "the HPA was unable to compute the replica count: failed to get cpu utilization: "
            f"missing request for cpu in container c of Pod {name_of(pod)}"
        )

    play(story)


def test_a_missing_target_is_told() -> None:
    async def story(world: World) -> None:
        await world.client.create(kinds.HORIZONTALPODAUTOSCALER, autoscaler())
        await world.settle(2)
        state, reason, message = (await conditions(world))["AbleToScale"]
        assert (state, reason) == ("False", "FailedGetScale")
        assert message.startswith("the HPA controller was unable to get the target's current scale: ")
        assert "not found" in (await told(world))["FailedGetScale"]
        await world.client.create(kinds.DEPLOYMENT, asking(1))
        await world.settle(20)
        assert (await conditions(world))["AbleToScale"][0] == "True"

    play(story)


def test_a_target_of_an_unknown_kind_is_told() -> None:
    async def story(world: World) -> None:
        target = {"apiVersion": "example.org/v1", "kind": "Fleet", "name": "f"}
        await world.client.create(kinds.HORIZONTALPODAUTOSCALER, autoscaler(scaleTargetRef=target))
        await world.settle(2)
        assert (await told(world))["FailedGetScale"] == (
            "unable to determine resource for scale target reference: "
            'no matches for kind "Fleet" in group "example.org"'
        )

    play(story)


def test_two_over_the_same_pods_do_nothing() -> None:
    async def story(world: World) -> None:
        await start(world, 2, "100m")
        await world.client.create(kinds.HORIZONTALPODAUTOSCALER, autoscaler("also"))
        await world.settle(40)
        message = "pods by selector app=web are controlled by multiple HPAs: [{also default} {web default}]"
        assert (await conditions(world, "also"))["ScalingActive"] == ("False", "AmbiguousSelector", message)
        assert (await told(world))["AmbiguousSelector"] == message

    play(story)


def _seen(**changes: Any) -> Seen:
    scale = {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 9},
        "status": {"replicas": 9},
    }
    made = autoscaler(most=5)
    obj = {**made, "metadata": {**made["metadata"], "uid": "u"}}
    return Seen(obj, kinds.DEPLOYMENT, (None,), (), (), **{"scale": scale, **changes})


def test_a_target_that_cannot_be_changed_is_told_of() -> None:
    decided = hpa.plan(_seen(), 1000.0, Settings())
    update, last = decided.steps
    assert isinstance(update, Update)
    assert isinstance(last, Update)
    assert (update.kind, update.subresource, update.obj["spec"]) == (
        kinds.DEPLOYMENT,
        "scale",
        {"replicas": 5},
    )
    assert last.obj["status"]["lastScaleTime"] == rfc3339(1000.0)
    assert update.otherwise is not None
    report, note = update.otherwise(Conflict("it has changed"))
    assert isinstance(report, Report)
    assert isinstance(note, Update)
    assert (report.reason, report.message) == (
        "FailedRescale",
        "New size: 5; reason: Current number of replicas above Spec.MaxReplicas; error: it has changed",
    )
    (entry,) = note.obj["status"]["conditions"]
    assert (entry["type"], entry["status"], entry["reason"]) == ("AbleToScale", "False", "FailedUpdateScale")


def test_it_is_looked_at_once_in_a_period() -> None:
    first = hpa.plan(_seen(), 1000.0, Settings())
    again = hpa.plan(_seen(memory=first.memory), 1004.0, Settings())
    assert (again.steps, again.after, again.memory) == ((), 11.0, first.memory)
    assert hpa.plan(_seen(memory=first.memory), 1015.0, Settings()).steps


@pytest.mark.parametrize("selector", ["", "!!"])
def test_a_scale_needs_a_selector(selector: str) -> None:
    scale = {
        "metadata": {"name": "web"},
        "spec": {"replicas": 2},
        "status": {"replicas": 2, "selector": selector},
    }
    decided = hpa.plan(_seen(scale=scale), 1000.0, Settings())
    update = decided.steps[-1]
    assert isinstance(update, Update)
    entry = next(c for c in update.obj["status"]["conditions"] if c["type"] == "ScalingActive")
    assert (entry["status"], entry["reason"]) == ("False", "InvalidSelector")
