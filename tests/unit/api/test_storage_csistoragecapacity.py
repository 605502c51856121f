"""CSIStorageCapacities: rules, fixed fields, warnings, the table row."""

from __future__ import annotations

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.storage.csistoragecapacity import CSISTORAGECAPACITY


def capacity(**fields: object) -> dict:
    return {"metadata": {"name": "c", "namespace": "default"}, "storageClassName": "fast", **fields}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"capacity": "-1"}, [("capacity", 'Invalid value: "-1": must be greater than or equal to 0')]),
        (
            {"nodeTopology": {"matchExpressions": [{"key": "a", "operator": "Near"}]}},
            [
                (
                    "nodeTopology.matchExpressions[0].operator",
                    'Invalid value: "Near": not a valid selector operator',
                )
            ],
        ),
    ],
)
def test_rules(fields: dict, expected: list) -> None:
    errors = FieldErrors()
    CSISTORAGECAPACITY.validate(capacity(**fields), errors)
    assert [(each.field, each.message) for each in errors.causes] == expected


def test_a_class_is_named() -> None:
    errors = FieldErrors()
    CSISTORAGECAPACITY.validate(capacity(storageClassName=""), errors)
    assert [each.field for each in errors.causes] == ["storageClassName"]


def test_updates() -> None:
    errors = FieldErrors()
    CSISTORAGECAPACITY.validate_update(capacity(capacity="2Gi"), capacity(capacity="1Gi"), errors)
    assert not errors
    CSISTORAGECAPACITY.validate_update(capacity(storageClassName="slow", nodeTopology={}), capacity(), errors)
    assert list(errors) == [
        "nodeTopology: Invalid value: {}: field is immutable",
        'storageClassName: Invalid value: "slow": field is immutable',
    ]


def test_warnings() -> None:
    topology = {
        "matchLabels": {"beta.kubernetes.io/os": "linux"},
        "matchExpressions": [{"key": "beta.kubernetes.io/arch", "operator": "Exists"}],
    }
    assert CSISTORAGECAPACITY.warnings(capacity(nodeTopology=topology), None) == [
        "nodeTopology.matchExpressions[0].key: beta.kubernetes.io/arch is deprecated since v1.14; "
        'use "kubernetes.io/arch" instead',
        "nodeTopology.matchLabels.beta.kubernetes.io/os: deprecated since v1.14; "
        'use "kubernetes.io/os" instead',
    ]


def test_row() -> None:
    columns = CSISTORAGECAPACITY.columns
    assert [(column.name, column.cell(capacity(), 0.0)) for column in columns] == [
        ("Name", "c"),
        ("StorageClassName", "fast"),
        ("Capacity", "<unset>"),
    ]
    assert columns[2].cell(capacity(capacity="1Gi"), 0.0) == "1Gi"
