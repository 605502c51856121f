"""PodDisruptionBudgets: rules, status, the table row."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.policy.poddisruptionbudget import PODDISRUPTIONBUDGET

NOW = 1_790_000_000.0
PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used "
    "for validation is '[0-9]+%')"
)
CONDITION = {
    "type": "DisruptionAllowed",
    "status": "True",
    "reason": "SufficientPods",
    "lastTransitionTime": "2026-09-21T14:12:20Z",
}


def budget(**spec: Any) -> dict:
    return {
        "metadata": {"name": "web", "namespace": "default", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"minAvailable": 2, "unhealthyPodEvictionPolicy": "AlwaysAllow"}, []),
        ({"maxUnavailable": "100%"}, []),
        (
            {"minAvailable": "10%", "maxUnavailable": 1, "selector": None},
            [
                'spec: Invalid value: {"MinAvailable":"10%","Selector":null,"MaxUnavailable":1,'
                '"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set'
            ],
        ),
        ({"minAvailable": -1}, ["spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"]),
        ({"minAvailable": "half"}, [f'spec.minAvailable: Invalid value: "half": {PERCENT}']),
        (
            {"maxUnavailable": "101%"},
            ['spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
        ),
        (
            {"unhealthyPodEvictionPolicy": "Never"},
            [
                'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": '
                'supported values: "AlwaysAllow", "IfHealthyBudget"'
            ],
        ),
        (
            {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            [
                "spec.selector.matchExpressions[0].values: Required value: "
                "must be specified when `operator` is 'In' or 'NotIn'"
            ],
        ),
    ],
)
def test_rules(spec: dict, expected: list[str]) -> None:
    errors = FieldErrors()
    PODDISRUPTIONBUDGET.validate(budget(**spec), errors)
    assert list(errors) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"conditions": [CONDITION], "disruptionsAllowed": 1}, []),
        (
            {"disruptionsAllowed": -1},
            ["disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            {"conditions": [{**CONDITION, "status": "Maybe", "reason": ""}]},
            [
                'conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
                "conditions[0].reason: Required value: must be set",
            ],
        ),
        (
            {"conditions": [CONDITION, {**CONDITION, "lastTransitionTime": None}]},
            [
                'conditions[1].type: Duplicate value: "DisruptionAllowed"',
                "conditions[1].lastTransitionTime: Required value: must be set",
            ],
        ),
    ],
)
def test_status(status: dict, expected: list[str]) -> None:
    errors = FieldErrors()
    PODDISRUPTIONBUDGET.validate_status({"status": status}, {}, errors)
    assert list(errors) == [f"status.{each}" for each in expected]


def test_a_new_one_has_counted_nothing() -> None:
    tree = budget()
    PODDISRUPTIONBUDGET.prepare_create(tree)
    assert tree["status"] == {
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "disruptionsAllowed": 0,
        "expectedPods": 0,
    }


def test_the_table_row() -> None:
    tree = {**budget(minAvailable="50%"), "status": {"disruptionsAllowed": 2}}
    cells = [column.cell(tree, NOW) for column in PODDISRUPTIONBUDGET.columns]
    assert cells == ["web", "50%", "N/A", 2, "60s"]
