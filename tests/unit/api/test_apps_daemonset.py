"""DaemonSets: defaults, the count of templates, rules, status, the table row."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pybernetes.api.apps.daemonset import DAEMONSET, TEMPLATE_GENERATION
from pybernetes.api.fielderrors import FieldErrors

NOW = 1_790_000_000.0
ROLLING = "spec.updateStrategy.rollingUpdate"


def daemonset(pod: dict | None = None, **spec: Any) -> dict:
    pod = {"containers": [{"name": "agent", "image": "agent:1"}], "nodeSelector": {"a": "b"}, **(pod or {})}
    tree = {
        "metadata": {"name": "agent", "namespace": "default", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {"metadata": {"labels": {"app": "agent"}}, "spec": pod},
            **spec,
        },
    }
    DAEMONSET.default(tree)
    DAEMONSET.prepare_create(tree)
    return tree


def found(tree: dict) -> list[str]:
    errors = FieldErrors()
    DAEMONSET.validate(tree, errors)
    return list(errors)


def test_defaults() -> None:
    tree = daemonset()
    assert tree["spec"]["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
    }
    assert tree["spec"]["revisionHistoryLimit"] == 10
    assert tree["status"] == {
        "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0,
        "numberMisscheduled": 0,
        "numberReady": 0,
    }


def generation(tree: dict) -> str:
    return tree["metadata"]["annotations"][TEMPLATE_GENERATION]


def test_the_template_generation_counts_templates() -> None:
    first = daemonset()
    assert generation(first) == "1"
    second = copy.deepcopy(first)
    second["spec"]["template"]["metadata"]["labels"]["v"] = "2"
    second["metadata"]["annotations"] = {"mine": "x"}
    DAEMONSET.prepare_update(second, first)
    assert second["metadata"]["annotations"] == {"mine": "x", TEMPLATE_GENERATION: "2"}
    third = copy.deepcopy(second)
    third["spec"]["minReadySeconds"] = 5
    third["metadata"]["annotations"][TEMPLATE_GENERATION] = "77"
    DAEMONSET.prepare_update(third, second)
    assert generation(third) == "2"
    status = copy.deepcopy(third)
    status["metadata"].pop("annotations")
    DAEMONSET.prepare_status(status, third, NOW)
    assert generation(status) == "2"


def rolling(**fields: Any) -> dict:
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": fields}}


RULES: list[tuple[dict, list[str]]] = [
    ({}, []),
    ({"updateStrategy": {"type": "OnDelete"}}, []),
    (rolling(maxUnavailable=0, maxSurge="10%"), []),
    (
        rolling(maxUnavailable=0),
        [f"{ROLLING}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"],
    ),
    (
        rolling(maxUnavailable=1, maxSurge=1),
        [f"{ROLLING}.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"],
    ),
    (
        rolling(maxUnavailable="200%"),
        [f'{ROLLING}.maxUnavailable: Invalid value: "200%": must not be greater than 100%'],
    ),
    (
        rolling(maxUnavailable="some"),
        [
            f'{ROLLING}.maxUnavailable: Invalid value: "some": a valid percent string must be a numeric string '
            "followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
            f"{ROLLING}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0",
        ],
    ),
    (
        {"updateStrategy": {"type": "Recreate"}},
        [
            'spec.updateStrategy: Unsupported value: {"Type":"Recreate","RollingUpdate":null}: '
            'supported values: "RollingUpdate", "OnDelete"'
        ],
    ),
    ({"selector": {}}, ["spec.selector: Invalid value: {}: empty selector is invalid for daemonset"]),
    (
        {"selector": {"matchLabels": {"app": "x"}}},
        [
            'spec.template.metadata.labels: Invalid value: {"app":"agent"}: '
            "`selector` does not match template `labels`"
        ],
    ),
    (
        {"minReadySeconds": -1, "revisionHistoryLimit": -1},
        [
            "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
            "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
    (
        {"pod": {"restartPolicy": "OnFailure", "activeDeadlineSeconds": 5}},
        [
            'spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"',
            "spec.template.spec.activeDeadlineSeconds: Forbidden: "
            "activeDeadlineSeconds in DaemonSet is not Supported",
        ],
    ),
]


@pytest.mark.parametrize(("fields", "expected"), RULES)
def test_rules(fields: dict, expected: list[str]) -> None:
    assert found(daemonset(**fields)) == expected


def test_the_selector_stays() -> None:
    old = daemonset()
    new = daemonset(selector={"matchLabels": {"x": "y"}})
    errors = FieldErrors()
    DAEMONSET.validate_update(new, old, errors)
    assert list(errors) == ['spec.selector: Invalid value: {"matchLabels":{"x":"y"}}: field is immutable']


def test_status() -> None:
    errors = FieldErrors()
    DAEMONSET.validate_status({"status": {"numberReady": -1}}, {"status": {"collisionCount": 2}}, errors)
    assert list(errors) == [
        "status.numberReady: Invalid value: -1: must be greater than or equal to 0",
        "status.collisionCount: Invalid value: 0: cannot be decremented",
    ]


def test_the_table_row() -> None:
    tree = {
        **daemonset(),
        "status": {"desiredNumberScheduled": 3, "currentNumberScheduled": 2, "numberReady": 1},
    }
    assert {column.name: column.cell(tree, NOW) for column in DAEMONSET.columns} == {
        "Name": "agent",
        "Desired": 3,
        "Current": 2,
        "Ready": 1,
        "Up-to-date": 0,
        "Available": 0,
        "Node Selector": "a=b",
        "Age": "60s",
        "Containers": "agent",
        "Images": "agent:1",
        "Selector": "app=agent",
    }
