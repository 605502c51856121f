"""HorizontalPodAutoscalers: defaults, rules, the table row, and version 1 with its annotations."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from pybernetes.api.autoscaling.horizontalpodautoscaler import (
    BEHAVIOR,
    CONDITIONS,
    CURRENT_METRICS,
    HORIZONTALPODAUTOSCALER,
    METRICS,
)
from pybernetes.api.autoscaling.horizontalpodautoscaler_v1 import (
    HORIZONTALPODAUTOSCALER_V1,
    from_stored,
    to_stored,
)
from pybernetes.api.fielderrors import FieldErrors

NOW = 1_790_000_000.0
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
METADATA = {"name": "web", "namespace": "default", "creationTimestamp": "2026-09-21T14:12:20Z"}


def resource(name: str = "cpu", **target: Any) -> dict:
    return {"type": "Resource", "resource": {"name": name, "target": target}}


CPU = resource(type="Utilization", averageUtilization=80)
MEMORY = resource("memory", type="AverageValue", averageValue="100Mi")
PODS = {
    "type": "Pods",
    "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "10"}},
}
OBJECT = {
    "type": "Object",
    "object": {
        "describedObject": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"},
        "metric": {"name": "rps", "selector": {"matchLabels": {"a": "b"}}},
        "target": {"type": "Value", "value": "2k"},
    },
}
EXTERNAL = {
    "type": "External",
    "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "30"}},
}
CONTAINER = {
    "type": "ContainerResource",
    "containerResource": {
        "name": "cpu",
        "container": "app",
        "target": {"type": "Utilization", "averageUtilization": 60},
    },
}


def autoscaler(**spec: Any) -> dict:
    tree = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": dict(METADATA),
        "spec": {"scaleTargetRef": dict(TARGET), "maxReplicas": 5, **copy.deepcopy(spec)},
    }
    HORIZONTALPODAUTOSCALER.default(tree)
    HORIZONTALPODAUTOSCALER.prepare_create(tree)
    return tree


def found(tree: dict, old: dict | None = None) -> list[str]:
    errors = FieldErrors()
    HORIZONTALPODAUTOSCALER.validate(tree, errors)
    if old is None:
        HORIZONTALPODAUTOSCALER.validate_create(tree, errors)
    else:
        HORIZONTALPODAUTOSCALER.validate_update(tree, old, errors)
    return list(errors)


def test_defaults() -> None:
    tree = autoscaler()
    assert tree["spec"] == {"scaleTargetRef": TARGET, "maxReplicas": 5, "minReplicas": 1, "metrics": [CPU]}
    assert tree["status"] == {"desiredReplicas": 0, "currentMetrics": None}
    assert autoscaler(metrics=[PODS])["spec"]["metrics"] == [PODS]


def test_behavior_is_filled_in_where_it_is_given() -> None:
    down = {"stabilizationWindowSeconds": 60, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
    assert autoscaler(behavior={"scaleDown": down})["spec"]["behavior"] == {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [
                {"type": "Pods", "value": 4, "periodSeconds": 15},
                {"type": "Percent", "value": 100, "periodSeconds": 15},
            ],
        },
        "scaleDown": {"selectPolicy": "Max", **down},
    }
    assert autoscaler(behavior={})["spec"]["behavior"] == {}


def test_annotations_of_version_1_mean_nothing_here() -> None:
    tree = autoscaler()
    tree["metadata"]["annotations"] = {METRICS: "[]", "mine": "x"}
    HORIZONTALPODAUTOSCALER.default(tree)
    assert tree["metadata"]["annotations"] == {"mine": "x"}


def target(**changes: Any) -> dict:
    return {"scaleTargetRef": {**TARGET, **changes}}


def rules(**fields: Any) -> dict:
    return {"behavior": {"scaleUp": fields}}


ONE = [{"type": "Pods", "value": 1, "periodSeconds": 1}]
UP = "spec.behavior.scaleUp"
RULES: list[tuple[dict, list[str]]] = [
    ({}, []),
    ({"metrics": [CPU, MEMORY, PODS, OBJECT, EXTERNAL, CONTAINER]}, []),
    (
        {"minReplicas": 0, "metrics": [PODS]},
        [
            "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to "
            "zero replicas",
        ],
    ),
    (
        {"maxReplicas": 0},
        [
            "spec.maxReplicas: Required value: must be set and greater than 0",
            "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
        ],
    ),
    (
        {"minReplicas": 6},
        ["spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`"],
    ),
    (
        target(kind="", name=""),
        ["spec.scaleTargetRef.kind: Required value", "spec.scaleTargetRef.name: Required value"],
    ),
    (
        target(name="a/b"),
        ["spec.scaleTargetRef.name: Invalid value: \"a/b\": may not contain '/'"],
    ),
    (
        target(apiVersion="v1"),
        ['spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group'],
    ),
    (target(apiVersion="v1", kind="ReplicationController"), []),
    (
        target(apiVersion="a/b/c"),
        ['spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c'],
    ),
    (rules(policies=[]), [f"{UP}.policies: Required value: must specify at least one Policy"]),
    (
        rules(policies=ONE, stabilizationWindowSeconds=3601, selectPolicy="Any", tolerance="-100m"),
        [
            f"{UP}.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600",
            f'{UP}.selectPolicy: Unsupported value: "Any": supported values: "Disabled", "Max", "Min"',
            f'{UP}.tolerance: Invalid value: "-100m": must be greater than or equal to 0',
        ],
    ),
    (
        rules(policies=[{"type": "Nodes", "value": 0, "periodSeconds": 1801}]),
        [
            f'{UP}.policies[0].type: Unsupported value: "Nodes": supported values: "Percent", "Pods"',
            f"{UP}.policies[0].value: Invalid value: 0: must be greater than zero",
            f"{UP}.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
        ],
    ),
]


@pytest.mark.parametrize(("spec", "expected"), RULES)
def test_rules(spec: dict, expected: list[str]) -> None:
    assert found(autoscaler(**spec)) == expected


TYPES = '"ContainerResource", "External", "Object", "Pods", "Resource"'
METRIC_RULES: list[tuple[dict, list[str]]] = [
    (
        {"type": "Resource"},
        ["resource: Required value: must populate information for the given metric source"],
    ),
    (
        {**CPU, "pods": PODS["pods"]},
        ["pods: Forbidden: must populate the given metric source only"],
    ),
    (
        {**CPU, "type": "Magic"},
        [f'type: Unsupported value: "Magic": supported values: {TYPES}'],
    ),
    (
        resource("", type="Utilization"),
        [
            "resource.name: Required value: must specify a resource name",
            "resource.target.averageUtilization: Required value: "
            "must set either a target raw value or a target utilization",
        ],
    ),
    (
        resource(type="Some", averageUtilization=0, averageValue="0"),
        [
            'resource.target.type: Invalid value: "Some": must be either Utilization, Value, or AverageValue',
            'resource.target.averageValue: Invalid value: "0": must be positive',
            "resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
            "resource.target.averageValue: Forbidden: "
            "may not set both a target raw value and a target utilization",
        ],
    ),
    (
        {"type": "Pods", "pods": {"metric": {}, "target": {"type": "AverageValue"}}},
        [
            "pods.metric.name: Required value: must specify a metric name",
            "pods.target.averageValue: Required value: must specify a positive target averageValue",
        ],
    ),
    (
        {"type": "Object", "object": {**OBJECT["object"], "target": {"type": "Value"}}},
        ["object.target.averageValue: Required value: must set either a target value or averageValue"],
    ),
    (
        {
            "type": "External",
            "external": {
                "metric": {"name": "q"},
                "target": {"type": "Value", "value": "1", "averageValue": "1"},
            },
        },
        ["external.target.value: Forbidden: may not set both a target value for metric and a per-pod target"],
    ),
    (
        {"type": "ContainerResource", "containerResource": {"target": CPU["resource"]["target"]}},
        [
            "containerResource.name: Required value: must specify a resource name",
            "containerResource.container: Required value: must specify a container",
        ],
    ),
]


@pytest.mark.parametrize(("metric", "expected"), METRIC_RULES)
def test_metrics(metric: dict, expected: list[str]) -> None:
    assert found(autoscaler(metrics=[metric])) == [f"spec.metrics[0].{each}" for each in expected]


def test_a_target_that_an_older_server_took_may_stay() -> None:
    old = autoscaler(**target(apiVersion=""))
    assert found(copy.deepcopy(old), old) == []
    assert found(autoscaler(**target(apiVersion="v1")), old) == [
        'spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group'
    ]


def test_status() -> None:
    errors = FieldErrors()
    HORIZONTALPODAUTOSCALER.validate_status(
        {"status": {"currentReplicas": -1, "desiredReplicas": -2}}, {}, errors
    )
    assert list(errors) == [
        "status.currentReplicas: Invalid value: -1: must be greater than or equal to 0",
        "status.desiredReplicas: Invalid value: -2: must be greater than or equal to 0",
    ]


def row(tree: dict, kind: Any = HORIZONTALPODAUTOSCALER) -> list:
    return [column.cell(tree, NOW) for column in kind.columns]


def test_the_table_row() -> None:
    tree = autoscaler()
    assert row(tree) == ["web", "Deployment/web", "cpu: <unknown>/80%", "1", 5, 0, "60s"]
    names = [column.name for column in HORIZONTALPODAUTOSCALER.columns]
    assert names == ["Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"]


@pytest.mark.parametrize(
    ("metric", "current", "expected"),
    [
        (
            CPU,
            {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 37}}},
            "cpu: 37%/80%",
        ),
        (MEMORY, None, "memory: <unknown>/100Mi"),
        (CONTAINER, None, "cpu: <unknown>/60%"),
        (PODS, {"type": "Pods", "pods": {"current": {"averageValue": "7"}}}, "7/10"),
        (OBJECT, {"type": "Object", "object": {"current": {"value": "1k"}}}, "1k/2k"),
        (EXTERNAL, {"type": "External", "external": {"current": {"averageValue": "9"}}}, "9/30 (avg)"),
    ],
)
def test_targets(metric: dict, current: dict | None, expected: str) -> None:
    tree = autoscaler(metrics=[metric])
    tree["status"] = {"currentMetrics": [current] if current else None}
    assert row(tree)[2] == expected


def test_two_targets_are_shown_at_most() -> None:
    tree = autoscaler(metrics=[CPU, MEMORY, PODS, EXTERNAL])
    assert row(tree)[2] == "cpu: <unknown>/80%, memory: <unknown>/100Mi + 2 more..."


# Version 1


def test_version_1_is_the_use_of_cpu() -> None:
    served = from_stored(autoscaler())
    assert served == {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": METADATA,
        "spec": {
            "scaleTargetRef": TARGET,
            "maxReplicas": 5,
            "minReplicas": 1,
            "targetCPUUtilizationPercentage": 80,
        },
        "status": {"desiredReplicas": 0, "currentReplicas": 0},
    }
    assert to_stored(served)["spec"] == autoscaler()["spec"]


def test_the_default_of_version_1() -> None:
    tree = {"metadata": dict(METADATA), "spec": {"scaleTargetRef": dict(TARGET), "maxReplicas": 5}}
    HORIZONTALPODAUTOSCALER_V1.default(tree)
    assert tree["spec"]["targetCPUUtilizationPercentage"] == 80
    only_memory = {
        "metadata": {**METADATA, "annotations": {METRICS: json.dumps([{"type": "Resource", "resource": {
            "name": "memory", "targetAverageValue": "1Gi"}}])}},
        "spec": {"scaleTargetRef": dict(TARGET), "maxReplicas": 5},
    }  # fmt: skip
    HORIZONTALPODAUTOSCALER_V1.default(only_memory)
    assert "targetCPUUtilizationPercentage" not in only_memory["spec"]
    assert to_stored(only_memory)["spec"]["metrics"] == [
        resource("memory", type="AverageValue", averageValue="1Gi")
    ]


BEHAVIOR_TREE = {"scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": ONE}}


def full() -> dict:
    tree = autoscaler(metrics=[PODS, OBJECT, EXTERNAL, CONTAINER, MEMORY, CPU])
    tree["spec"]["behavior"] = copy.deepcopy(BEHAVIOR_TREE)
    tree["metadata"]["annotations"] = {"mine": "x"}
    tree["status"] = {
        "currentReplicas": 2,
        "desiredReplicas": 3,
        "currentMetrics": [
            {"type": "Pods", "pods": {"metric": {"name": "rps"}, "current": {"averageValue": "7"}}},
            {
                "type": "Resource",
                "resource": {"name": "cpu", "current": {"averageUtilization": 37, "averageValue": "37m"}},
            },
        ],
        "conditions": [{"type": "AbleToScale", "status": "True"}],
    }
    return tree


def test_what_version_1_has_no_fields_for_travels_in_annotations() -> None:
    served = from_stored(full())
    annotations = served["metadata"]["annotations"]
    assert served["spec"]["targetCPUUtilizationPercentage"] == 80
    assert served["status"] == {
        "currentReplicas": 2,
        "desiredReplicas": 3,
        "currentCPUUtilizationPercentage": 37,
    }
    assert annotations["mine"] == "x"
    assert json.loads(annotations[METRICS]) == [
        {"type": "Pods", "pods": {"metricName": "rps", "targetAverageValue": "10"}},
        {
            "type": "Object",
            "object": {
                "target": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"},
                "metricName": "rps",
                "targetValue": "2k",
                "selector": {"matchLabels": {"a": "b"}},
            },
        },
        {"type": "External", "external": {"metricName": "queue", "targetAverageValue": "30"}},
        {
            "type": "ContainerResource",
            "containerResource": {"name": "cpu", "targetAverageUtilization": 60, "container": "app"},
        },
        {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "100Mi"}},
    ]
    assert json.loads(annotations[CURRENT_METRICS]) == [
        {"type": "Pods", "pods": {"metricName": "rps", "currentAverageValue": "7"}},
        {
            "type": "Resource",
            "resource": {"name": "cpu", "currentAverageUtilization": 37, "currentAverageValue": "37m"},
        },
    ]
    assert json.loads(annotations[CONDITIONS]) == [{"type": "AbleToScale", "status": "True"}]
    assert json.loads(annotations[BEHAVIOR]) == {
        "ScaleUp": {
            "StabilizationWindowSeconds": 0,
            "SelectPolicy": "Max",
            "Policies": [{"Type": "Pods", "Value": 1, "PeriodSeconds": 1}],
            "Tolerance": None,
        },
        "ScaleDown": None,
    }


def test_nothing_is_lost_on_the_way_there_and_back() -> None:
    tree = full()
    assert to_stored(from_stored(tree)) == tree
    assert row(from_stored(tree), HORIZONTALPODAUTOSCALER_V1) == row(tree)


def test_the_metric_of_version_1_comes_last() -> None:
    tree = autoscaler(metrics=[CPU, PODS])
    assert to_stored(from_stored(tree))["spec"]["metrics"] == [PODS, CPU]


def test_unreadable_annotations_are_dropped() -> None:
    served = from_stored(autoscaler())
    served["metadata"]["annotations"] = {
        METRICS: "{",
        BEHAVIOR: "[]",
        CONDITIONS: "7",
        CURRENT_METRICS: "[1]",
    }
    stored = to_stored(served)
    assert stored["spec"] == autoscaler()["spec"]
    assert "annotations" not in stored["metadata"]


def test_version_1_obeys_the_same_rules() -> None:
    served = from_stored(autoscaler())
    served["spec"] |= {"maxReplicas": -1, "targetCPUUtilizationPercentage": 0}
    errors = FieldErrors()
    HORIZONTALPODAUTOSCALER_V1.validate(served, errors)
    assert list(errors) == [
        "spec.maxReplicas: Invalid value: -1: must be greater than 0",
        "spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`",
        "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
    ]
