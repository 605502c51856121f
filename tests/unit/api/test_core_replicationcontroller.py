"""ReplicationControllers and PodTemplates: defaults, rules, the table rows."""

from __future__ import annotations

from typing import Any

import pytest

from pybernetes.api.core.podtemplate import PODTEMPLATE
from pybernetes.api.core.replicationcontroller import REPLICATIONCONTROLLER
from pybernetes.api.fielderrors import FieldErrors

NOW = 1_790_000_000.0
METADATA = {"name": "web", "namespace": "default", "creationTimestamp": "2026-09-21T14:12:20Z"}


def template(**pod: Any) -> dict:
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "nginx:1"}], **pod},
    }


def controller(**spec: Any) -> dict:
    tree = {"metadata": dict(METADATA), "spec": {"template": template(), **spec}}
    REPLICATIONCONTROLLER.default(tree)
    REPLICATIONCONTROLLER.prepare_create(tree)
    return tree


def found(tree: dict) -> list[str]:
    errors = FieldErrors()
    REPLICATIONCONTROLLER.validate(tree, errors)
    return list(errors)


def test_defaults_come_from_the_template() -> None:
    tree = controller()
    assert tree["spec"]["selector"] == tree["metadata"]["labels"] == {"app": "web"}
    assert (tree["spec"]["replicas"], tree["status"]) == (1, {"replicas": 0})
    assert controller(selector={"a": "b"})["spec"]["selector"] == {"a": "b"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"replicas": -1}, ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
        (
            {"minReadySeconds": -1},
            ["spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"],
        ),
        ({"template": None}, ["spec.selector: Required value", "spec.template: Required value"]),
        (
            {"selector": {"app": "db"}},
            [
                'spec.template.metadata.labels: Invalid value: {"app":"web"}: '
                "`selector` does not match template `labels`"
            ],
        ),
        (
            {"template": template(restartPolicy="Never", activeDeadlineSeconds=5)},
            [
                'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
                "spec.template.spec.activeDeadlineSeconds: Forbidden: "
                "activeDeadlineSeconds in ReplicationController is not Supported",
            ],
        ),
    ],
)
def test_rules(spec: dict, expected: list[str]) -> None:
    assert found(controller(**spec)) == expected


def test_status() -> None:
    errors = FieldErrors()
    status = {"replicas": 1, "readyReplicas": 1, "availableReplicas": 2, "fullyLabeledReplicas": -1}
    REPLICATIONCONTROLLER.validate_status({"status": status}, {}, errors)
    assert list(errors) == [
        "status.fullyLabeledReplicas: Invalid value: -1: must be greater than or equal to 0",
        "status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas",
    ]


def test_the_table_row() -> None:
    tree = {**controller(replicas=3), "status": {"replicas": 2, "readyReplicas": 1}}
    cells = [column.cell(tree, NOW) for column in REPLICATIONCONTROLLER.columns]
    assert cells == ["web", 3, 2, 1, "60s", "web", "nginx:1", "app=web"]
    assert REPLICATIONCONTROLLER.selectable["status.replicas"](tree) == "2"
    assert REPLICATIONCONTROLLER.storage_prefix == "controllers"


def test_pod_templates() -> None:
    tree = {"metadata": dict(METADATA), "template": template()}
    PODTEMPLATE.default(tree)
    assert tree["template"]["spec"]["restartPolicy"] == "Always"
    assert [column.cell(tree, NOW) for column in PODTEMPLATE.columns] == ["web", "web", "nginx:1", "app=web"]
    errors = FieldErrors()
    PODTEMPLATE.validate(tree, errors)
    assert list(errors) == []
    empty = {"metadata": dict(METADATA)}
    PODTEMPLATE.default(empty)
    PODTEMPLATE.validate(empty, errors)
    assert list(errors) == ["template.spec.containers: Required value"]
