"""How fast HorizontalPodAutoscalers scale, and after how long: behaviour policies and stabilization windows, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from autoscalerbench import (
    NOW,
    PERIOD,
    Bench,
    autoscaler,
    external,
    percent,
    pods_policy,
)

from pybernetes.api.meta import Obj


@dataclass(frozen=True)
class Case:
    """`wanted` is what the load asks for from each second on; `found` the replicas after each look."""

    replicas: int
    wanted: Mapping[int, int]
    found: list[int]
    behavior: Obj | None = None
    most: int = 1000
    least: int = 1


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
