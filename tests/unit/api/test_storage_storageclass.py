"""StorageClasses: defaults, rules, fixed fields, warnings, the table row."""

from __future__ import annotations

import pytest

from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.storage.storageclass import STORAGECLASS, is_default

REQUIRED = "FieldValueRequired"
INVALID = "FieldValueInvalid"
UNSUPPORTED = "FieldValueNotSupported"
DUPLICATE = "FieldValueDuplicate"
TOO_LONG = "FieldValueTooLong"
ZONE = "failure-domain.beta.kubernetes.io/zone"


def storage_class(**fields: object) -> dict:
    tree = {
        "metadata": {"name": "fast", "creationTimestamp": "2026-09-21T14:12:20Z"},
        "provisioner": "example.com/nfs",
        **fields,
    }
    STORAGECLASS.default(tree)
    return tree


def topology(*requirements: tuple[str, list[str]]) -> dict:
    return {"matchLabelExpressions": [{"key": key, "values": values} for key, values in requirements]}


def test_defaults() -> None:
    tree = storage_class()
    assert (tree["reclaimPolicy"], tree["volumeBindingMode"]) == ("Delete", "Immediate")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"provisioner": ""}, [(REQUIRED, "provisioner", "Required value")]),
        (
            {"reclaimPolicy": "Recycle"},
            [
                (
                    UNSUPPORTED,
                    "reclaimPolicy",
                    'Unsupported value: "Recycle": supported values: "Delete", "Retain"',
                )
            ],
        ),
        (
            {"volumeBindingMode": "Later"},
            [
                (
                    UNSUPPORTED,
                    "volumeBindingMode",
                    'Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
                )
            ],
        ),
        (
            {"parameters": {"": "x"}},
            [(INVALID, "parameters", 'Invalid value: "": field can not be empty.')],
        ),
        (
            {"parameters": {str(number): "" for number in range(513)}},
            [(TOO_LONG, "parameters", "Too long: may not be more than 512 bytes")],
        ),
        (
            {"parameters": {"a": "x" * 262144}},
            [(TOO_LONG, "parameters", "Too long: may not be more than 262144 bytes")],
        ),
        (
            {"allowedTopologies": [topology(("zone", [])), topology(("a", ["x", "x"]), ("a", ["y"]))]},
            [
                (REQUIRED, "allowedTopologies[0].matchLabelExpressions[0].values", "Required value"),
                (
                    DUPLICATE,
                    "allowedTopologies[1].matchLabelExpressions[0].values[1]",
                    'Duplicate value: "x"',
                ),
                (DUPLICATE, "allowedTopologies[1].matchLabelExpressions[1].key", 'Duplicate value: "a"'),
            ],
        ),
        (
            {"allowedTopologies": [topology(("a", ["x", "y"])), topology(("a", ["y", "x"]))]},
            [(DUPLICATE, "allowedTopologies[1].matchLabelExpressions", 'Duplicate value: ""')],
        ),
    ],
)
def test_rules(fields: dict, expected: list) -> None:
    errors = FieldErrors()
    STORAGECLASS.validate(storage_class(**fields), errors)
    assert [(each.reason, each.field, each.message) for each in errors.causes] == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"allowVolumeExpansion": True, "mountOptions": ["ro"], "parameters": {}}, []),
        ({"parameters": {"a": "b"}}, [("parameters", "Forbidden: updates to parameters are forbidden.")]),
        (
            {"provisioner": "other.io/x"},
            [("provisioner", "Forbidden: updates to provisioner are forbidden.")],
        ),
        (
            {"reclaimPolicy": "Retain"},
            [("reclaimPolicy", "Forbidden: updates to reclaimPolicy are forbidden.")],
        ),
        (
            {"volumeBindingMode": "WaitForFirstConsumer"},
            [("volumeBindingMode", 'Invalid value: "WaitForFirstConsumer": field is immutable')],
        ),
    ],
)
def test_updates(fields: dict, expected: list) -> None:
    errors = FieldErrors()
    STORAGECLASS.validate_update(storage_class(**fields), storage_class(), errors)
    assert [(each.field, each.message) for each in errors.causes] == expected


def test_warnings() -> None:
    assert STORAGECLASS.warnings(storage_class(allowedTopologies=[topology((ZONE, ["a"]))]), None) == [
        "allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.17; "
        'use "topology.kubernetes.io/zone" instead'
    ]


def test_row() -> None:
    tree = storage_class(allowVolumeExpansion=True)
    assert [(column.name, column.cell(tree, 1_790_000_060.0)) for column in STORAGECLASS.columns] == [
        ("Name", "fast"),
        ("Provisioner", "example.com/nfs"),
        ("ReclaimPolicy", "Delete"),
        ("VolumeBindingMode", "Immediate"),
        ("AllowVolumeExpansion", True),
        ("Age", "2m"),
    ]
    assert not is_default(tree)
    tree["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    assert STORAGECLASS.columns[0].cell(tree, 0.0) == "fast (default)"


def test_an_empty_term_of_topology_is_never_new() -> None:
    errors = FieldErrors()
    STORAGECLASS.validate(storage_class(allowedTopologies=[{}, topology((ZONE, ["a"]))]), errors)
    path = "allowedTopologies[0].matchLabelExpressions"
    assert [(c.reason, c.field) for c in errors.causes] == [(DUPLICATE, path), (DUPLICATE, path)]
