"""StatefulSets: defaults, rules, what may change, status, the table row."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pybernetes.api.apps.statefulset import STATEFULSET, with_claims
from pybernetes.api.fielderrors import FieldErrors

NOW = 1_790_000_000.0
CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
FORBIDDEN = (
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
    "forbidden"
)


def statefulset(pod: dict | None = None, **spec: Any) -> dict:
    mounts = [{"name": "data", "mountPath": "/data"}]
    pod = {"containers": [{"name": "db", "image": "db:1", "volumeMounts": mounts}], **(pod or {})}
    tree = {
        "metadata": {"name": "db", "namespace": "default", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "spec": {
            "selector": {"matchLabels": {"app": "db"}},
            "serviceName": "db",
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": pod},
            "volumeClaimTemplates": [copy.deepcopy(CLAIM)],
            **copy.deepcopy(spec),
        },
    }
    STATEFULSET.default(tree)
    STATEFULSET.prepare_create(tree)
    return tree


def found(tree: dict) -> list[str]:
    errors = FieldErrors()
    STATEFULSET.validate(tree, errors)
    return list(errors)


def test_defaults() -> None:
    tree = statefulset()
    spec = tree["spec"]
    for given in ("selector", "template", "serviceName"):
        spec.pop(given)
    assert spec == {
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1}},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "volumeClaimTemplates": [
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "data"},
                "spec": {**CLAIM["spec"], "volumeMode": "Filesystem"},
                "status": {"phase": "Pending"},
            }
        ],
    }
    assert tree["status"] == {"replicas": 0, "availableReplicas": 0}


def rolling(**fields: Any) -> dict:
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": fields}}


RULES: list[tuple[dict, list[str]]] = [
    ({}, []),
    (rolling(maxUnavailable="50%", partition=3), []),
    (
        {"podManagementPolicy": "Sometimes"},
        ["spec.podManagementPolicy: Invalid value: \"Sometimes\": must be 'OrderedReady' or 'Parallel'"],
    ),
    (
        {"updateStrategy": {"type": "Recreate"}},
        [
            'spec.updateStrategy: Invalid value: {"Type":"Recreate","RollingUpdate":null}: '
            "must be 'RollingUpdate' or 'OnDelete'"
        ],
    ),
    (
        {"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 1}}},
        [
            'spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: '
            "only allowed for updateStrategy 'RollingUpdate'"
        ],
    ),
    (
        rolling(partition=-1, maxUnavailable=0),
        [
            "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
            "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0",
        ],
    ),
    (
        rolling(maxUnavailable="101%"),
        [
            'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'
        ],
    ),
    (
        {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Keep"}},
        [
            'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Keep": '
            'supported values: "Retain", "Delete"'
        ],
    ),
    ({"replicas": -1}, ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
    (
        {"ordinals": {"start": -1}},
        ["spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0"],
    ),
    (
        {"selector": None},
        [
            "spec.selector: Required value",
            'spec.template.metadata.labels: Invalid value: {"app":"db"}: '
            "`selector` does not match template `labels`",
        ],
    ),
    ({"selector": {}}, ["spec.selector: Invalid value: {}: empty selector is invalid for statefulset"]),
    (
        {"selector": {"matchLabels": {"app": "web"}}},
        [
            'spec.template.metadata.labels: Invalid value: {"app":"db"}: '
            "`selector` does not match template `labels`"
        ],
    ),
    (
        {"pod": {"restartPolicy": "Never", "activeDeadlineSeconds": 5}},
        [
            'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
            "spec.template.spec.activeDeadlineSeconds: Forbidden: "
            "activeDeadlineSeconds in StatefulSet is not Supported",
        ],
    ),
    (
        {"volumeClaimTemplates": []},
        ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ),
    (
        {
            "volumeClaimTemplates": [
                {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
            ]
        },
        ["spec.volumeClaimTemplates[0].spec.resources[storage]: Required value"],
    ),
]


@pytest.mark.parametrize(("fields", "expected"), RULES)
def test_rules(fields: dict, expected: list[str]) -> None:
    assert found(statefulset(**fields)) == expected


def test_a_service_name_is_a_label() -> None:
    (line,) = found(statefulset(serviceName="A.b"))
    assert line.startswith(
        'spec.serviceName: Invalid value: "A.b": a lowercase RFC 1123 label must consist of'
    )


def test_a_claim_stands_in_for_a_volume_of_its_name() -> None:
    pod = {"volumes": [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]}
    assert with_claims(pod, {"volumeClaimTemplates": [CLAIM]})["volumes"] == [
        {"name": "tmp", "emptyDir": {}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
    ]


CHANGES: list[tuple[str, Any, list[str]]] = [
    ("replicas", 5, []),
    ("ordinals", {"start": 1}, []),
    ("template", {"metadata": {"labels": {"app": "db", "x": "y"}}}, []),
    ("updateStrategy", {"type": "OnDelete"}, []),
    ("revisionHistoryLimit", 1, []),
    ("persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Delete", "whenScaled": "Delete"}, []),
    ("minReadySeconds", 5, []),
    ("serviceName", "other", [FORBIDDEN]),
    ("podManagementPolicy", "Parallel", [FORBIDDEN]),
    ("selector", {"matchLabels": {"a": "b"}}, [FORBIDDEN]),
    ("volumeClaimTemplates", [], [FORBIDDEN]),
]


@pytest.mark.parametrize(("field", "value", "expected"), CHANGES)
def test_what_may_change(field: str, value: Any, expected: list[str]) -> None:
    old = statefulset()
    errors = FieldErrors()
    STATEFULSET.validate_update({**old, "spec": {**old["spec"], field: value}}, old, errors)
    assert list(errors) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"replicas": 2, "readyReplicas": 2, "availableReplicas": 1, "collisionCount": 1}, []),
        (
            {"currentRevision": "x", "observedGeneration": -1, "collisionCount": 1},
            ["observedGeneration: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            {"replicas": 1, "currentReplicas": 2, "collisionCount": 1},
            ["currentReplicas: Invalid value: 2: cannot be greater than status.replicas"],
        ),
        (
            {"replicas": 1, "availableReplicas": 1, "collisionCount": 1},
            ["availableReplicas: Invalid value: 1: cannot be greater than status.readyReplicas"],
        ),
        ({"replicas": 0}, ["collisionCount: Invalid value: 0: cannot be decremented"]),
    ],
)
def test_status(after: dict, expected: list[str]) -> None:
    errors = FieldErrors()
    STATEFULSET.validate_status({"status": after}, {"status": {"collisionCount": 1}}, errors)
    assert list(errors) == [f"status.{each}" for each in expected]


def test_warnings() -> None:
    (line,) = STATEFULSET.warnings(statefulset(revisionHistoryLimit=-1), None)
    assert line.startswith("spec.revisionHistoryLimit: a negative value retains all historical revisions")


def test_the_table_row() -> None:
    tree = {**statefulset(replicas=3), "status": {"readyReplicas": 2}}
    assert [column.cell(tree, NOW) for column in STATEFULSET.columns] == ["db", "2/3", "60s", "db", "db:1"]
