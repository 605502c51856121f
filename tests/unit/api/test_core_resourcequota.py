"""ResourceQuotas: rules, what may change, the table row."""

from __future__ import annotations

import pytest
from kindrules import CREATED, INVALID, REQUIRED, new_errors, row, status_errors, update_errors

from pybernetes.api.kinds import RESOURCEQUOTA as KIND


def quota(**spec: object) -> dict:
    return {
        "metadata": {"name": "q", "namespace": "default", "creationTimestamp": CREATED},
        "spec": {"hard": {"pods": "10", "requests.cpu": "4", "limits.cpu": "8"}, **spec},
    }


def selector(scope: str, operator: str, *values: str) -> dict:
    requirement: dict = {"scopeName": scope, "operator": operator}
    if values:
        requirement["values"] = list(values)
    return {"scopeSelector": {"matchExpressions": [requirement]}}


ONLY_EXISTS = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)
MATCH = "scopeSelector.matchExpressions"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"hard": {"count/widgets.example.com": "1", "requests.nvidia.com/gpu": "4"}}, []),
        (
            {"hard": {"pods": "1500m"}},
            [(INVALID, "hard[pods]", 'Invalid value: "1500m": must be an integer')],
        ),
        (
            {"hard": {"cpu": "-1"}},
            [(INVALID, "hard[cpu]", 'Invalid value: "-1": must be greater than or equal to 0')],
        ),
        (
            {"hard": {"love": "1"}},
            [
                (
                    INVALID,
                    "hard[love]",
                    'Invalid value: "love": must be a standard resource type or fully qualified',
                ),
                (INVALID, "hard[love]", 'Invalid value: "love": must be a standard resource for quota'),
            ],
        ),
        ({"scopes": ["Odd"]}, [(INVALID, "scopes", 'Invalid value: ["Odd"]: unsupported scope')]),
        (
            {"scopes": ["Terminating", "NotTerminating"]},
            [
                (
                    INVALID,
                    "scopes",
                    'Invalid value: ["Terminating","NotTerminating"]: conflicting scopes',
                )
            ],
        ),
        (
            {"hard": {"services": "1"}, "scopes": ["BestEffort"]},
            [
                (
                    INVALID,
                    "scopes",
                    'Invalid value: ["BestEffort"]: unsupported scope applied to resource',
                )
            ],
        ),
        (selector("PriorityClass", "In", "high"), []),
        (
            selector("PriorityClass", "In"),
            [
                (
                    REQUIRED,
                    f"{MATCH}.values",
                    "Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
                )
            ],
        ),
        (
            selector("Terminating", "DoesNotExist"),
            [(INVALID, f"{MATCH}.operator", f'Invalid value: "DoesNotExist": {ONLY_EXISTS}')],
        ),
        (
            selector("PriorityClass", "Like"),
            [(INVALID, f"{MATCH}.operator", 'Invalid value: "Like": not a valid selector operator')],
        ),
    ],
)
def test_rules(spec: dict, expected: list) -> None:
    found = new_errors(KIND, quota(**spec))
    assert found == [(reason, f"spec.{field}", message) for reason, field, message in expected]


def test_amounts_change_and_scopes_do_not() -> None:
    assert update_errors(KIND, quota(hard={"pods": "1"}), quota()) == []
    assert update_errors(KIND, quota(scopes=["NotBestEffort"]), quota()) == [
        (INVALID, "spec.scopes", 'Invalid value: ["NotBestEffort"]: field is immutable')
    ]


def test_status_and_columns() -> None:
    status = {"hard": {"pods": "10", "limits.cpu": "8", "cpu": "4"}, "used": {"pods": "3"}}
    tree = {**quota(), "status": status}
    assert status_errors(KIND, tree, quota()) == []
    bad = {**quota(), "status": {"used": {"pods": "-1"}}}
    assert status_errors(KIND, bad, quota())[0][1] == "status.used[pods]"
    assert row(KIND, tree) == {
        "Name": "q",
        "Request": "cpu: 0/4, pods: 3/10",
        "Limit": "limits.cpu: 0/8",
        "Age": "60s",
    }
