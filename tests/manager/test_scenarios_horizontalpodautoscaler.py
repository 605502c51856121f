"""What upstream's documentation and KEPs (117, 853, 4951) say of the algorithm of HorizontalPodAutoscalers, as tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from autoscalerbench import (
    BROKEN,
    CPU,
    Bench,
    autoscaler,
    external,
    many,
    of_container,
    of_object,
    of_pods,
    resource,
    running,
    samples,
)

from pybernetes.api.meta import Obj
from pybernetes.controllers.horizontalpodautoscaler.samples import Reading

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
