"""How many replicas follow from metrics, and how fast: tables."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import pytest

from pybernetes.api import kinds
from pybernetes.api.errors import NotFound
from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj
from pybernetes.client.interface import ObjList
from pybernetes.control.definition import Settings
from pybernetes.controllers.horizontalpodautoscaler import behavior, calculator, metrics
from pybernetes.controllers.horizontalpodautoscaler.behavior import Mark, Memory
from pybernetes.controllers.horizontalpodautoscaler.calculator import Proposal, Terms, Tolerance
from pybernetes.controllers.horizontalpodautoscaler.evaluate import Failure, Scaled, evaluate
from pybernetes.controllers.horizontalpodautoscaler.samples import Incalculable, Reading, Sample
from pybernetes.lang.timestamps import rfc3339

NOW = 1_790_000_000.0
TENTH = Tolerance(0.1, 0.1)


def pod(
    name: str,
    ready: bool = True,
    phase: str = "Running",
    age: float = 1000.0,
    changed: float = 900.0,
    **extra: Any,
) -> Obj:
    entry = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "lastTransitionTime": rfc3339(NOW - changed),
    }
    request = {"resources": {"requests": {"cpu": "1"}}}
    return {
        "metadata": {"name": name, "namespace": "default", **extra},
        "spec": {"containers": [{"name": "c", **request}]},
        "status": {"phase": phase, "startTime": rfc3339(NOW - age), "conditions": [entry]},
    }


def terms(*pods: Obj) -> Terms:
    return Terms(pods, NOW, TENTH, 300.0, 30.0)


def samples(**milli: int) -> dict[str, Sample]:
    return {name: Sample(value, NOW) for name, value in milli.items()}


THREE = (pod("a"), pod("b"), pod("c"))
STARTING = pod("c", ready=False, age=60, changed=50)
PENDING = pod("c", phase="Pending", ready=False)
GOING = pod("c", deletionTimestamp="2026-01-01T00:00:00Z")
FAILED = pod("c", phase="Failed")


@pytest.mark.parametrize(
    ("pods", "values", "replicas"),
    [
        pytest.param(THREE, {"a": 300, "b": 500, "c": 700}, 5, id="grows"),
        pytest.param(THREE, {"a": 310, "b": 320, "c": 325}, 3, id="within the tolerance"),
        pytest.param(THREE, {"a": 100, "b": 100, "c": 100}, 1, id="shrinks"),
        pytest.param(
            (*THREE[:2], STARTING), {"a": 600, "b": 600, "c": 900}, 4, id="starting pods use nothing"
        ),
        pytest.param((*THREE[:2], PENDING), {"a": 600, "b": 600}, 4, id="so do pending ones"),
        pytest.param((*THREE[:2], PENDING), {"a": 100, "b": 100}, 1, id="but not when shrinking"),
        pytest.param((*THREE[:2], GOING), {"a": 300, "b": 300, "c": 1500}, 3, id="pods that go do not count"),
        pytest.param((*THREE[:2], FAILED), {"a": 600, "b": 600, "c": 0}, 4, id="nor do failed ones"),
        pytest.param(THREE, {"a": 600, "b": 600}, 4, id="a missing sample is nothing when growing"),
        pytest.param(THREE, {"a": 400, "b": 400}, 3, id="growing may end within the tolerance"),
        pytest.param(THREE, {"a": 100, "b": 100}, 3, id="a missing sample is the request when shrinking"),
        pytest.param(THREE, {"a": 1, "b": 1}, 3, id="and may turn shrinking around"),
    ],
)
def test_by_utilization_of_thirty_percent(
    pods: tuple[Obj, ...], values: dict[str, int], replicas: int
) -> None:
    found = calculator.by_utilization(terms(*pods), 3, 30, "cpu", "", samples(**values))
    assert found.replicas == replicas


def test_the_status_shows_ready_pods_only() -> None:
    found = calculator.by_utilization(
        terms(*THREE[:2], STARTING), 3, 30, "cpu", "", samples(a=500, b=300, c=9000)
    )
    assert (found.utilization, found.average) == (40, 400)


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        pytest.param(pod("p", ready=False, age=60, changed=50), False, id="not ready while starting"),
        pytest.param(pod("p", age=60, changed=120), True, id="ready while starting, measured since"),
        pytest.param(pod("p", age=60, changed=5), False, id="ready a moment ago: measured before"),
        pytest.param(pod("p", ready=False, age=900, changed=890), False, id="has never been ready"),
        pytest.param(pod("p", ready=False, age=900, changed=100), True, id="was ready once"),
    ],
)
def test_cpu_of_starting_pods_says_nothing(one: Obj, counts: bool) -> None:
    both = terms(pod("other"), one)
    found = calculator.by_utilization(both, 2, 50, "cpu", "", samples(other=500, p=5000))
    assert (found.utilization == 275) is counts
    assert calculator.by_average(both, 2, 500, "memory", samples(other=500, p=5000)).average == 2750


@pytest.mark.parametrize(
    ("pods", "values", "message"),
    [
        ((), {}, calculator.NO_PODS),
        ((PENDING,), {"c": 1}, calculator.NO_METRICS),
        (
            ({**THREE[0], "spec": {"containers": [{"name": "x"}]}},),
            {"a": 1},
            "missing request for cpu in container x of Pod a",
        ),
    ],
)
def test_what_cannot_be_calculated(pods: tuple[Obj, ...], values: dict[str, int], message: str) -> None:
    with pytest.raises(Incalculable, match=re.escape(message)):
        calculator.by_utilization(terms(*pods), 1, 50, "cpu", "", samples(**values))


@pytest.mark.parametrize(
    ("current", "target", "value", "replicas"),
    [(3, 10, 20, 6), (3, 10, 10, 3), (3, 10, 5, 2), (0, 10, 25, 3), (0, 10, 0, 0)],
)
def test_one_value_for_all(current: int, target: int, value: int, replicas: int) -> None:
    assert calculator.by_value(terms(*THREE), current, target, value) == Proposal(replicas, value)


@pytest.mark.parametrize(
    ("current", "value", "replicas", "average"),
    [(3, 60, 6, 20), (3, 31, 3, 11), (3, 9, 1, 3), (0, 25, 3, 0)],
)
def test_one_value_shared(current: int, value: int, replicas: int, average: int) -> None:
    assert calculator.by_value_per_pod(terms(*THREE), current, 10, value) == Proposal(replicas, average)


def autoscaler(least: int = 1, most: int = 100, **rules: Any) -> Obj:
    spec: dict[str, Any] = {"minReplicas": least, "maxReplicas": most}
    return {"metadata": {"namespace": "default"}, "spec": {**spec, "behavior": rules} if rules else spec}


def decided(obj: Obj, current: int, desired: int, memory: Memory | None = None) -> tuple[int, str, str]:
    verdict = behavior.decide(obj, current, desired, memory or Memory(), NOW, Settings())
    return verdict.replicas, verdict.stable[0], verdict.limit[0]


@pytest.mark.parametrize(
    ("current", "desired", "expected"),
    [
        (1, 3, (3, "ReadyForNewScale", "DesiredWithinRange")),
        (1, 9, (4, "ReadyForNewScale", "ScaleUpLimit")),
        (10, 50, (20, "ReadyForNewScale", "ScaleUpLimit")),
        (90, 150, (100, "ReadyForNewScale", "TooManyReplicas")),
        (9, 1, (2, "ReadyForNewScale", "TooFewReplicas")),
    ],
)
def test_without_rules(current: int, desired: int, expected: tuple[int, str, str]) -> None:
    assert decided(autoscaler(least=2), current, desired) == expected


def test_without_rules_the_highest_of_five_minutes_holds() -> None:
    memory = Memory(0.0, (Mark(NOW - 301, 50), Mark(NOW - 299, 8), Mark(NOW - 10, 5)))
    assert decided(autoscaler(), 10, 3, memory) == (8, "ScaleDownStabilized", "DesiredWithinRange")
    kept = behavior.decide(autoscaler(), 10, 3, memory, NOW, Settings()).memory.recommendations
    assert kept == (Mark(NOW - 299, 8), Mark(NOW - 10, 5), Mark(NOW, 3))


PODS_OR_SHARE = [
    {"type": "Pods", "value": 4, "periodSeconds": 60},
    {"type": "Percent", "value": 10, "periodSeconds": 60},
]


@pytest.mark.parametrize(
    ("rules", "current", "desired", "replicas", "limit"),
    [
        ({"scaleUp": {"policies": PODS_OR_SHARE}}, 80, 100, 88, "ScaleUpLimit"),
        ({"scaleUp": {"policies": PODS_OR_SHARE, "selectPolicy": "Min"}}, 80, 100, 84, "ScaleUpLimit"),
        ({"scaleUp": {"policies": PODS_OR_SHARE}}, 10, 100, 14, "ScaleUpLimit"),
        ({"scaleUp": {"selectPolicy": "Disabled"}}, 10, 100, 10, "ScaleUpLimit"),
        ({"scaleUp": {"policies": PODS_OR_SHARE[1:]}}, 1, 5, 2, "ScaleUpLimit"),
        ({"scaleDown": {"policies": PODS_OR_SHARE}}, 80, 1, 72, "ScaleDownLimit"),
        ({"scaleDown": {"policies": PODS_OR_SHARE, "selectPolicy": "Min"}}, 80, 1, 76, "ScaleDownLimit"),
        ({"scaleDown": {"policies": PODS_OR_SHARE}}, 3, 0, 1, "TooFewReplicas"),
        ({"scaleDown": {"selectPolicy": "Disabled"}}, 10, 1, 10, "ScaleDownLimit"),
        ({"scaleUp": {}}, 10, 100, 20, "ScaleUpLimit"),
    ],
)
def test_rules_set_the_pace(
    rules: dict[str, Any], current: int, desired: int, replicas: int, limit: str
) -> None:
    assert decided(autoscaler(**rules), current, desired)[::2] == (replicas, limit)


def test_what_was_changed_within_the_period_counts() -> None:
    rules = {"scaleUp": {"policies": PODS_OR_SHARE[:1]}, "scaleDown": {"policies": PODS_OR_SHARE[:1]}}
    grown = Memory(0.0, (), (Mark(NOW - 30, 3),), ())
    assert decided(autoscaler(**rules), 10, 50, grown)[0] == 11
    assert decided(autoscaler(**rules), 10, 50, Memory(0.0, (), (Mark(NOW - 61, 3),), ()))[0] == 14
    assert decided(autoscaler(**rules), 10, 50, Memory(0.0, (), (Mark(NOW - 30, 9),), ()))[0] == 10
    shrunk = Memory(0.0, (), (), (Mark(NOW - 30, 1),))
    assert decided(autoscaler(**rules), 10, 1, shrunk)[0] == 7
    after = behavior.changed(autoscaler(**rules), shrunk, 10, 7, NOW, Settings())
    assert after.downs == (Mark(NOW - 30, 1), Mark(NOW, 3))


def test_windows_hold_back_in_both_directions() -> None:
    rules = {"scaleUp": {"stabilizationWindowSeconds": 60}, "scaleDown": {"stabilizationWindowSeconds": 120}}
    memory = Memory(0.0, (Mark(NOW - 130, 2), Mark(NOW - 100, 9), Mark(NOW - 30, 6)))
    assert decided(autoscaler(**rules), 5, 8, memory)[:2] == (6, "ScaleUpStabilized")
    assert decided(autoscaler(**rules), 12, 3, memory)[:2] == (9, "ScaleDownStabilized")
    assert decided(autoscaler(**rules), 7, 7, memory)[:2] == (7, "ReadyForNewScale")


def test_tolerances_may_differ() -> None:
    obj = autoscaler(scaleUp={"tolerance": "0.5"}, scaleDown={})
    found = behavior.tolerance(obj, Settings())
    assert (found.down, found.up) == (0.1, 0.5)
    assert found.holds(1.4)
    assert not found.holds(0.85)


class Metrics:
    """A client that answers for the metrics APIs from a table of paths."""

    def __init__(self, answers: Mapping[str, list[Obj]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def get(
        self, kind: Kind, name: str, namespace: str = "", *, subresource: str = "", parameters: Any = None
    ) -> Obj:
        return {"items": self._answer(kind.path(namespace, name, subresource), parameters or {})}

    async def list(self, kind: Kind, namespace: str = "", *, labels: str = "") -> ObjList:
        return ObjList(self._answer(kind.path(namespace), {"labelSelector": labels} if labels else {}), "")

    def _answer(self, path: str, parameters: Mapping[str, str]) -> list[Obj]:
        query = "&".join(f"{key}={value}" for key, value in parameters.items())
        self.asked.append(f"{path}?{query}" if query else path)
        if path not in self.answers:
            raise NotFound("the server could not find the requested resource")
        return self.answers[path]


WHEN = rfc3339(NOW)
CUSTOM = "/apis/custom.metrics.k8s.io/v1beta2"
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"
QUEUE = {"name": "queue", "selector": {"matchLabels": {"q": "x"}}}


def answered(
    spec: Obj, answers: Mapping[str, list[Obj]], described: Kind | None = None
) -> tuple[Reading, list[str]]:
    client = Metrics(answers)
    reading = asyncio.run(metrics.read(client, "default", spec, "app=web", described))  # type: ignore[arg-type]
    return reading, client.asked


def test_resource_metrics_are_added_up_over_containers() -> None:
    containers = [{"name": "a", "usage": {"cpu": "100m"}}, {"name": "b", "usage": {"cpu": "50m"}}]
    item = {
        "metadata": {"name": "p", "namespace": "default"},
        "timestamp": WHEN,
        "window": "20s",
        "containers": containers,
    }
    path = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods"
    spec = {"type": "Resource", "resource": {"name": "cpu"}}
    reading, asked = answered(spec, {path: [item]})
    assert reading.pods == {"p": Sample(150, NOW, 20.0)}
    assert asked == [f"{path}?labelSelector=app=web"]
    of_one = {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "b"}}
    assert answered(of_one, {path: [item]})[0].pods == {"p": Sample(50, NOW, 20.0)}
    of_none = {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "z"}}
    assert (
        answered(of_none, {path: [item]})[0].error == "container z not present in metrics for pod default/p"
    )
    assert answered(spec, {path: []})[0].error == "no metrics returned from resource metrics API"


def test_pods_metrics_are_custom_metrics_of_many_pods() -> None:
    path = f"{CUSTOM}/namespaces/default/pods/*/queue"
    item = {"describedObject": {"name": "p"}, "timestamp": WHEN, "windowSeconds": 30, "value": "1500m"}
    reading, asked = answered({"type": "Pods", "pods": {"metric": QUEUE}}, {path: [item]})
    assert reading.pods == {"p": Sample(1500, NOW, 30.0)}
    assert asked == [f"{path}?labelSelector=app=web&metricLabelSelector=q=x"]


def test_object_metrics_are_custom_metrics_of_one_object() -> None:
    about = {"kind": "Deployment", "apiVersion": "apps/v1", "name": "d"}
    spec = {"type": "Object", "object": {"describedObject": about, "metric": {"name": "hits"}}}
    path = f"{CUSTOM}/namespaces/default/deployments.apps/d/hits"
    assert answered(spec, {path: [{"value": "7"}]}, kinds.DEPLOYMENT)[0].value == 7000
    space = {"kind": "Namespace", "apiVersion": "v1", "name": "prod"}
    spec = {"type": "Object", "object": {"describedObject": space, "metric": {"name": "hits"}}}
    assert (
        answered(spec, {f"{CUSTOM}/namespaces/prod/metrics/hits": [{"value": "1"}]}, kinds.NAMESPACE)[0].value
        == 1000
    )


def test_external_metrics_are_added_up() -> None:
    path = f"{EXTERNAL}/namespaces/default/queue"
    reading, asked = answered(
        {"type": "External", "external": {"metric": QUEUE}}, {path: [{"value": "3"}, {"value": "4"}]}
    )
    assert reading.value == 7000
    assert asked == [f"{path}?labelSelector=q=x"]
    failed, _ = answered({"type": "External", "external": {"metric": QUEUE}}, {})
    assert failed.error == (
        "unable to fetch metrics from external metrics API: the server could not find the requested resource "
        "(get queue.external.metrics.k8s.io)"
    )


SCALED = Scaled(3, 3, terms(*THREE))
ABOUT = {"kind": "Ingress", "apiVersion": "networking.k8s.io/v1", "name": "main"}


@pytest.mark.parametrize(
    ("spec", "reading", "replicas", "name", "current"),
    [
        (
            {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"averageValue": "2"}}},
            Reading(samples(a=4000, b=4000, c=4000)),
            6,
            "pods metric m",
            {"averageValue": "4"},
        ),
        (
            {
                "type": "Object",
                "object": {"describedObject": ABOUT, "metric": {"name": "m"}, "target": {"value": "10"}},
            },
            Reading(value=20000),
            6,
            "Ingress metric m",
            {"value": "20"},
        ),
        (
            {"type": "External", "external": {"metric": {"name": "m"}, "target": {"averageValue": "5"}}},
            Reading(value=30000),
            6,
            "external metric m(nil)",
            {"averageValue": "10"},
        ),
        (
            {"type": "Resource", "resource": {"name": "memory", "target": {"averageValue": "100"}}},
            Reading(samples(a=200_000, b=200_000, c=200_000)),
            6,
            "memory resource",
            {"averageValue": "200"},
        ),
        (
            {
                "type": "ContainerResource",
                "containerResource": {"name": "cpu", "container": "c", "target": {"averageUtilization": 50}},
            },
            Reading(samples(a=1000, b=1000, c=1000)),
            6,
            "cpu container resource utilization (percentage of request)",
            {"averageUtilization": 100, "averageValue": "1"},
        ),
    ],
)
def test_what_a_metric_asks_for(spec: Obj, reading: Reading, replicas: int, name: str, current: Obj) -> None:
    found = evaluate(autoscaler(), spec, reading, SCALED)
    assert (found.replicas, found.name) == (replicas, name)
    field = spec["type"][0].lower() + spec["type"][1:]
    assert found.status[field]["current"] == current


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (
            {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"averageValue": "2"}}},
            "FailedGetPodsMetric",
        ),
        (
            {
                "type": "Object",
                "object": {"describedObject": ABOUT, "metric": {"name": "m"}, "target": {"value": "1"}},
            },
            "FailedGetObjectMetric",
        ),
        (
            {"type": "External", "external": {"metric": {"name": "m"}, "target": {"value": "5"}}},
            "FailedGetExternalMetric",
        ),
        (
            {"type": "Resource", "resource": {"name": "cpu", "target": {"averageValue": "1"}}},
            "FailedGetResourceMetric",
        ),
        ({"type": "Resource", "resource": {"name": "cpu", "target": {}}}, "FailedGetResourceMetric"),
        (
            {
                "type": "ContainerResource",
                "containerResource": {"name": "cpu", "container": "c", "target": {"averageValue": "1"}},
            },
            "FailedGetContainerResourceMetric",
        ),
        ({"type": "Stars"}, "InvalidMetricSourceType"),
    ],
)
def test_each_type_fails_under_its_own_reason(spec: Obj, reason: str) -> None:
    with pytest.raises(Failure) as failure:
        evaluate(autoscaler(), spec, Reading(error="nobody answers"), SCALED)
    assert failure.value.reason == reason
