"""LimitRanges: defaults and rules."""

from __future__ import annotations

import pytest
from kindrules import DUPLICATE, FORBIDDEN, INVALID, REQUIRED, new_errors

from pybernetes.api.kinds import LIMITRANGE as KIND


def limits(**item: object) -> dict:
    return {"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", **item}]}}


def test_defaults_of_containers() -> None:
    tree = limits(max={"cpu": "2", "memory": "1Gi"}, default={"cpu": "1"}, min={"ephemeral-storage": "1Mi"})
    KIND.default(tree)
    (item,) = tree["spec"]["limits"]
    assert item["default"] == {"cpu": "1", "memory": "1Gi"}
    assert item["defaultRequest"] == {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Mi"}
    pod = limits(type="Pod", max={"cpu": "2"})
    KIND.default(pod)
    assert pod == limits(type="Pod", max={"cpu": "2"})


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"max": {"cpu": "1"}, "min": {"cpu": "100m"}}, []),
        (
            {"type": "Thing"},
            [
                (
                    INVALID,
                    "type",
                    'Invalid value: "Thing": must be a standard limit type or fully qualified',
                )
            ],
        ),
        (
            {"type": "Pod", "default": {"cpu": "1"}},
            [(FORBIDDEN, "default", "Forbidden: may not be specified when `type` is 'Pod'")],
        ),
        (
            {"type": "Pod", "max": {"cpu": "1"}, "min": {"cpu": "2"}},
            [(INVALID, "min[cpu]", 'Invalid value: "2": min value 2 is greater than max value 1')],
        ),
        (
            {"default": {"cpu": "3"}, "max": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}},
            [(INVALID, "default[cpu]", 'Invalid value: "2": default value 3 is greater than max value 2')],
        ),
        (
            {"default": {"cpu": "1"}, "defaultRequest": {"cpu": "2"}},
            [
                (
                    INVALID,
                    "defaultRequest[cpu]",
                    'Invalid value: "2": default request value 2 is greater than default limit value 1',
                )
            ],
        ),
        (
            {"type": "Pod", "maxLimitRequestRatio": {"cpu": "500m"}},
            [(INVALID, "maxLimitRequestRatio[cpu]", 'Invalid value: "500m": ratio 500m is less than 1')],
        ),
        (
            {
                "type": "Pod",
                "min": {"cpu": "1"},
                "max": {"cpu": "2"},
                "maxLimitRequestRatio": {"cpu": "3"},
            },
            [
                (
                    INVALID,
                    "maxLimitRequestRatio[cpu]",
                    'Invalid value: "3": ratio 3 is greater than max/min = 2.000000',
                )
            ],
        ),
        (
            {"type": "PersistentVolumeClaim"},
            [
                (
                    REQUIRED,
                    "limits",
                    "Required value: either minimum or maximum storage value is required, but neither was provided",
                )
            ],
        ),
        ({"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}, []),
        (
            {"type": "Pod", "max": {"storage": "1Gi"}},
            [
                (
                    INVALID,
                    "max[storage]",
                    'Invalid value: "storage": must be a standard resource for containers',
                )
            ],
        ),
    ],
)
def test_rules(item: dict, expected: list) -> None:
    found = new_errors(KIND, limits(**item))
    assert found == [(reason, f"spec.limits[0].{field}", message) for reason, field, message in expected]


def test_types_differ() -> None:
    tree = limits(max={"cpu": "1"})
    tree["spec"]["limits"] *= 2
    assert new_errors(KIND, tree) == [(DUPLICATE, "spec.limits[1].type", 'Duplicate value: "Container"')]
